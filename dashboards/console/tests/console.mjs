// The console in a real browser. Speaks to the test that started it by lines of JSON; what does not hold ends it.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { lowContrast, unnamed, withBrowser } from './browser.mjs';
import { alert, judged, others, pages, start, waiting } from './fixture.mjs';

const address = process.argv[2];
const shots = process.env.AFTERCARE_SHOTS;
const replies = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const note = (text) => process.stderr.write(`console: ${text}\n`);

async function ask(what) {
  process.stdout.write(`${JSON.stringify(what)}\n`);
  return JSON.parse((await replies.next()).value);
}

const put = (...alerts) => ask({ do: 'put', alerts: alerts.map((row) => JSON.stringify(row)) });
/** A newer row of an alert. */
const newer = (row, changes) => ({ ...row, version: 1000 + (newer.count = (newer.count ?? 0) + 1), revision: row.revision + 1, ...changes });

async function shot(page, name, options = {}) {
  if (!shots) return;
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: join(shots, `${name}.png`), ...options });
}

async function open(browser, hash = '') {
  const page = await browser.newPage();
  page.on('pageerror', (error) => { throw error; });
  await page.goto(`${address}/${hash}`);
  return page;
}

const listed = (page) => page.$$eval('.row', (rows) => rows.map((row) => row.dataset.id));
const ids = (alerts) => alerts.map((one) => one.alert_id);
const selected = (page) => page.$eval('.row.selected', (row) => row.dataset.id);
const until = (page, expression, argument) => page.waitForFunction(expression, argument, { timeout: 20_000 });

async function readable(page, name) {
  assert.deepEqual(await page.evaluate(lowContrast), [], `${name}: contrast`);
  assert.deepEqual(await page.evaluate(unnamed), [], `${name}: names`);
}

async function loads(browser) {
  const page = await open(browser);
  await page.waitForSelector('.row');
  const drawn = await page.evaluate(() => Math.round(performance.now()));
  const bytes = await page.evaluate(() => performance.getEntriesByType('resource').reduce((sum, one) => sum + one.transferSize, 0));
  const foreign = await page.evaluate(() => performance.getEntriesByType('resource').filter((one) => new URL(one.name).origin !== location.origin).length);
  note(`first list drawn after ${drawn} ms, ${Math.round(bytes / 1024)} KiB`);
  assert.equal(foreign, 0, 'nothing is loaded from elsewhere');
  return page;
}

async function orders(page) {
  assert.deepEqual(await listed(page), [...ids(waiting), others[0].alert_id]);
  const sections = await page.$$eval('.sections h2', (all) => all.map((one) => one.textContent));
  assert.deepEqual(sections, ['Waiting for an answer 8', 'In hand 1']);
  const row = (id) => page.$eval(`[data-id="${id}"]`, (one) => one.textContent);
  const [first, over, far] = await Promise.all([waiting[0], waiting[1], waiting[2]].map((one) => row(one.alert_id)));
  assert.match(first, /VIP/);
  assert.match(first, /PHQ-9 \(mood\) item 9: answer 2/);
  assert.match(over, /Escalated/);
  assert.match(over, /3:\d\d over/);
  assert.match(over, /Heart rate 138 per minute, limit 130 per minute, for 25 minutes/);
  assert.match(far, /Index 84: 71 % of the expected 118 \(n 212, edition pci-des@2026-01\)/);
  assert.equal(await page.$eval(`[data-id="${waiting[4].alert_id}"] .due`, (one) => one.dataset.state), 'near');
  const before = await page.$eval('.row .due', (one) => one.textContent);
  await until(page, (text) => document.querySelector('.row .due').textContent !== text, before);
}

/** Each kind of evidence is told in words. */
async function tells(page) {
  const why = (one) => page.$eval(`[data-id="${one.alert_id}"] .why`, (line) => line.textContent);
  for (const [one, expected] of [
    [waiting[3], /^Nothing uploaded for slot 2, 19 Apr.* to 3 May/],
    [waiting[5], /^Worse by 1.6 times the smallest change that matters$/],
    [waiting[6], /^Doses taken 71.4 %, 5 of 7 due over 7 days, limit 90 %$/],
    [waiting[7], /^Device watch-8 silent for 48 hours, last heard 24 Apr/],
    [others[0], /^Early warning score 7: oxygen saturation 2, breathing rate 3, oxygen given 2$/],
  ]) assert.match(await why(one), expected);
  await page.click('[data-view=service]');
  assert.equal(await why(others[3]), 'Session of c-0004, 12 seconds, 1 section read, 1 interaction: too short, one of too many within five minutes');
  await page.click('[data-view=active]');
}

async function filters(page) {
  await page.selectOption('select[name=care_team]', 'team-2');
  assert.deepEqual(await listed(page), ids([waiting[1], waiting[5]]));
  await page.selectOption('select[name=procedure]', 'af-ablation');
  assert.deepEqual(await listed(page), ids([waiting[1]]));
  await page.selectOption('select[name=care_team]', '');
  await page.selectOption('select[name=procedure]', '');
  await page.selectOption('select[name=severity]', 'info');
  await page.selectOption('select[name=rule]', 'quiet-device');
  assert.deepEqual(await listed(page), ids([waiting[7]]));
  await page.selectOption('select[name=severity]', '');
  await page.selectOption('select[name=rule]', '');
  await page.locator('body').press('/');
  await page.keyboard.type('000017');
  assert.deepEqual(await listed(page), ids([waiting[2]]));
  await page.keyboard.type('x');
  assert.match(await page.textContent('.empty'), /No alert fits these filters/);
  await page.click('text=Show all');
  for (const [view, one] of [['snoozed', others[1]], ['resolved', others[2]], ['service', others[3]], ['historic', others[4]]]) {
    await page.click(`[data-view=${view}]`);
    assert.deepEqual(await listed(page), [one.alert_id], view);
  }
  await page.click('[data-view=active]');
}

async function keys(page) {
  await page.focus('.row .open');
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  assert.equal(await selected(page), waiting[2].alert_id);
  await page.keyboard.press('k');
  assert.equal(await selected(page), waiting[1].alert_id);
  await page.keyboard.press('?');
  assert.ok(await page.isVisible('dialog[open]'));
  await page.keyboard.press('Escape');
  await page.keyboard.press('j');
  await page.waitForSelector('.detail .chart .own-band');
  assert.match(await page.textContent('.detail .legend'), OWN);
  await shot(page, 'list');
  await page.keyboard.press('Enter');
  await page.waitForSelector('h1:has-text("p-000017")');
  await page.keyboard.press('Escape');
  await page.waitForSelector('.row');
  assert.equal(await selected(page), waiting[2].alert_id, 'the selection is kept');
}

/** Every action reaches the desk, shows at once, and is confirmed or taken back. */
async function actions(page) {
  const open = waiting[2];
  await page.keyboard.press('a');
  await until(page, (id) => document.querySelector(`[data-id="${id}"]`)?.closest('section').querySelector('h2').textContent.startsWith('In hand'), open.alert_id);
  const acknowledged = newer(open, { status: 'acknowledged', assignee_id: 'local' });
  await put(acknowledged);
  await until(page, (id) => !document.querySelector(`[data-id="${id}"]`).classList.contains('pending'), open.alert_id);
  assert.equal(await selected(page), open.alert_id);
  await page.keyboard.press('r');
  await page.keyboard.press('ArrowRight');
  await page.keyboard.press('Enter');
  await page.waitForSelector(`[data-id="${open.alert_id}"]`, { state: 'detached' });
  await put(newer(acknowledged, { status: 'resolved', outcome: 'refill', resolved_at: start }));

  const [snoozed, assigned] = [waiting[6], waiting[5]];
  // they show at once, before they have reached the desk
  const answered = (kind) => page.waitForResponse((reply) => reply.request().postData()?.includes(`"kind":"${kind}"`));
  const both = Promise.all([answered('snooze'), answered('assign')]);
  await page.click(`[data-id="${snoozed.alert_id}"] .open`);
  await page.click('[data-key=snooze-60]');
  await page.waitForSelector(`[data-id="${snoozed.alert_id}"]`, { state: 'detached' });
  await put(newer(snoozed, { status: 'snoozed', snoozed_until: start + 3_600_000 }));
  await page.click(`[data-id="${assigned.alert_id}"] .open`);
  await page.keyboard.press('m');
  await until(page, (id) => document.querySelector(`[data-id="${id}"]`).textContent.includes('with local'), assigned.alert_id);
  await put(newer(assigned, { assignee_id: 'local' }));
  await both;
  const reached = (await ask({ do: 'actions' })).map((one) => [one.alert_id, one.choice, one.actor_id, one.actor_role]);
  assert.deepEqual(reached, [
    [open.alert_id, { kind: 'acknowledge' }, 'local', 'care_manager'],
    [open.alert_id, { kind: 'resolve', outcome: 'refill' }, 'local', 'care_manager'],
    [snoozed.alert_id, { kind: 'snooze', minutes: 60 }, 'local', 'care_manager'],
    [assigned.alert_id, { kind: 'assign', assignee_id: 'local' }, 'local', 'care_manager'],
  ]);

  await ask({ do: 'refuse', on: true });
  const refused = waiting[4];
  await page.click(`[data-id="${refused.alert_id}"] .quick`);
  await page.waitForSelector('#notice:not([hidden])');
  assert.match(await page.textContent('#notice'), /Not done: The data cannot be read at the moment/);
  await until(page, (id) => document.querySelector(`[data-id="${id}"]`).closest('section').querySelector('h2').textContent.startsWith('Waiting'), refused.alert_id);
  await page.click('#notice button');
  await ask({ do: 'refuse', on: false });
}

/** The API itself: a second click is the same action, a stale or foreign one is refused. */
async function guards(page) {
  const target = waiting[7];
  const post = (body, headers = {}) => page.evaluate(async ([url, text, extra]) => {
    const reply = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json', ...extra }, body: text });
    return reply.status;
  }, ['/api/alerts/actions', JSON.stringify(body), headers]);
  const asked = { alert_id: target.alert_id, revision: 1, kind: 'escalate' };
  const before = (await ask({ do: 'actions' })).length;
  assert.deepEqual(await Promise.all([post(asked), post(asked)]), [202, 202]);
  assert.equal((await ask({ do: 'actions' })).length, before + 1);
  assert.equal(await post({ ...asked, revision: 7 }), 409);
  assert.equal(await post({ ...asked, alert_id: 'none' }), 404);
  assert.equal(await post({ ...asked, kind: 'resolve', outcome: 'prescribe' }), 422);
  assert.equal(await post(asked, { 'content-type': 'text/plain' }), 403);
  const foreign = await fetch(`${address}/api/alerts/actions`, {
    method: 'POST', headers: { 'content-type': 'application/json', origin: 'http://elsewhere.example' }, body: JSON.stringify(asked) });
  assert.equal(foreign.status, 403);
  const policy = foreign.headers.get('content-security-policy');
  assert.ok(policy.includes("default-src 'none'") && !policy.includes('unsafe'), policy);
}

async function live(page) {
  const arrived = alert('z1', 'p-000400', 'self-harm-answer', { severity: 'critical', vip: true, due: 60_000, raised: 0, evidence: judged(60, 110) });
  await put(arrived);
  await until(page, (id) => document.querySelector('.row').dataset.id === id, arrived.alert_id);
  assert.match(await page.textContent('#announce'), /New critical alert: An answer that cannot wait, patient p-000400/);
  await put(newer(arrived, { status: 'withdrawn' }));
  await page.waitForSelector(`[data-id="${arrived.alert_id}"]`, { state: 'detached' });
}

async function disconnects(page) {
  await ask({ do: 'stop' });
  await page.waitForSelector('#connection[data-state=disconnected]');
  assert.ok((await listed(page)).length > 0, 'what is known stays on the screen');
  assert.match(await page.textContent('#connection'), /Disconnected since \d\d:\d\d, trying again/);
  await readable(page, 'disconnected');
  await shot(page, 'disconnected');
  const missed = alert('z2', 'p-000401', 'news2-emergency', { severity: 'critical', due: 1000, vip: true });
  await put(missed);
  await ask({ do: 'start' });
  await page.waitForSelector(`[data-id="${missed.alert_id}"]`);
  await page.waitForSelector('#connection[data-state=connected]');
  await put(newer(missed, { status: 'withdrawn' }));
  await page.waitForSelector(`[data-id="${missed.alert_id}"]`, { state: 'detached' });
}

const OWN = /expected of this patient, from the own earlier answers/;

/** The band of those alike and the patient's own, the latter narrower and with dotted edges, in words too. */
async function twoBands(page) {
  const [alike, own] = await Promise.all(['.band', '.own-band'].map((band) => page.$eval(`.course.large ${band}`, (area) => {
    const { strokeDasharray, stroke } = getComputedStyle(area);
    const drawn = area.getAttribute('d').match(/[\d.]+/g).map(Number);
    const [newest] = drawn.slice(drawn.length / 2 - 2);
    const heights = drawn.filter((_, at) => at % 2 === 1 && drawn[at - 1] === newest);
    return { dots: stroke !== 'none' && strokeDasharray !== 'none', height: Math.max(...heights) - Math.min(...heights), count: heights.length };
  })));
  assert.deepEqual([alike.dots, alike.count, own.dots, own.count], [false, 2, true, 2]);
  assert.ok(Math.abs(own.height / alike.height - 7 / 14) < 0.01, `${own.height} of ${alike.height}`);
  const points = pages().patients['p-000017'].scores.filter((point) => point.instrument === 'composite');
  const said = `${Math.round(points.at(-1).forecast)} (SD 7)`;
  assert.match(await page.textContent('.legend'), OWN);
  const dots = await page.$$eval('.course.large .dot title', (all) => all.map((one) => one.textContent));
  assert.equal(dots.filter((text) => text.includes('expected of this patient')).length, points.length - 2, 'neither before the treatment nor without an earlier answer');
  assert.ok(dots.at(-1).endsWith(`, expected of this patient ${said}`), dots.at(-1));
  assert.ok((await page.getAttribute('.course.large .chart', 'aria-label')).endsWith(`, expected of this patient ${said}.`));
  const cells = await page.$$eval('details td[data-label="Expected of this patient"]', (all) => all.map((one) => one.textContent));
  assert.deepEqual([cells.length, cells[0], cells.at(-2), cells.at(-1)], [points.length, said, '–', '–']);
}

async function pagesShow(page) {
  await page.goto(`${address}/#/patient/p-000017`);
  await page.waitForSelector('.course.large .band');
  const text = await page.textContent('main');
  for (const expected of ['Coronary stent', 'm-alpha', '▼ worse, 1.9 ×', 'Heart rate', 'Doses taken 6 of 9 due', 'did not count: too short, too few sections read', '64.00 CNY', 'the review was too short, slot 20, index 84.2']) {
    assert.ok(text.includes(expected), expected);
  }
  assert.ok(!text.includes('waits for a review'), 'what is held is shown as it stands now');
  await twoBands(page);
  await readable(page, 'patient');
  await shot(page, 'patient', { fullPage: true });
  await page.goto(`${address}/#/clinician/c-0004`);
  await page.waitForSelector('h1:has-text("c-0004")');
  const order = await page.$$eval('section:first-of-type tbody tr', (rows) => rows.map((row) => row.cells[0].textContent));
  assert.deepEqual(order, ['p-000017', 'p-000044', 'p-000101', 'p-000300']);
  const paid = await page.textContent('section:last-of-type');
  assert.ok(paid.includes('✓ 96.00 CNY (fee 80.00, adjustment 16.00)') && paid.includes('not paid: the review was too short') && paid.includes('not paid: no index'), paid);
  await readable(page, 'clinician');
  await shot(page, 'clinician', { fullPage: true });
  await leads(page);
  await page.goto(`${address}/#/patient/p-000112`);
  await page.waitForSelector('h1:has-text("p-000112")');
  await page.waitForSelector('.course.large .band');
  assert.equal(await page.$$eval('.own-band, .key-own-band', (all) => all.length), 0, 'a patient of whom nothing is forecast');
  await page.goto(`${address}/#/patient/p-999999`);
  await page.waitForSelector('text=There is no such patient');
}

/** What of the uploads counted as service, and why not the others. */
async function leads(page) {
  await page.click('nav >> text=Service');
  await page.waitForSelector('h1:has-text("Service, February 2026")');
  assert.match(await page.textContent('.about'), /56 uploads arrived · 43 counted as service · 13 did not, or not yet/);
  const cells = (section) => page.$$eval(`section:${section} tbody tr`, (rows) => rows.map((row) => [...row.cells].map((cell) => cell.textContent)));
  const heads = await page.$$eval('section:first-of-type th', (all) => all.map((one) => one.textContent));
  assert.deepEqual(heads, ['Clinician', 'Uploads', 'Counted', 'Too short', 'In a burst', 'Waiting', 'Not reviewed', 'Billed', 'Bursts']);
  assert.deepEqual(await cells('first-of-type'), [
    ['c-0004', '39', '31', '1', '7', '–', '–', '29', '7 sessions, up to 7 patients in five minutes'],
    ['c-0009', '17', '12', '–', '–', '2', '3', '12', '–'],
  ]);
  const not = await cells('last-of-type');
  assert.deepEqual(not.map((row) => row[4]), ['Too short', 'In a burst', 'In a burst', 'In a burst', 'Not reviewed', 'Waiting']);
  assert.match(not[0][5], /by c-0004, 12 s, 1 section, 9 interactions: too short, too few sections read$/);
  assert.equal(not[0][6], 'not billed: the review was too short');
  assert.equal(not[4][5], 'none');
  assert.ok(!(await page.textContent('main')).includes('CNY'), 'no amounts');
  await readable(page, 'service');
  await shot(page, 'service', { fullPage: true });
  await page.selectOption('[data-filter=clinician_id]', 'c-0009');
  await page.selectOption('[data-filter=verdict]', '');
  assert.deepEqual((await cells('last-of-type')).map((row) => [row[3], row[6]]), [
    ['u-000300-02', 'not billed: no review within seven days'], ['u-000301-02', 'not billed: waits for a review'], ['u-000302-05', 'not billed: free monitoring'],
  ]);
  assert.match(await page.textContent('section:last-of-type'), /3 of 17 are shown/);
  await page.selectOption('#month', '2026-01');
  await page.waitForSelector('h1:has-text("Service, January 2026")');
  await page.waitForSelector('text=0 uploads arrived');
}

/** 390 px wide, dark, no mouse, no motion. */
async function phone() {
  const options = { viewport: { width: 390, height: 844 }, colorScheme: 'dark', hasTouch: true, isMobile: true, reducedMotion: 'reduce' };
  await withBrowser(options, async (browser) => {
    const page = await open(browser);
    await page.waitForSelector('.row');
    const narrow = async (name) => assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 390, `${name}: no scrolling sideways`);
    await narrow('list');
    await readable(page, 'dark list');
    await shot(page, 'phone-list');
    await page.tap('.row .open');
    await page.waitForSelector('.row .detail .chart');
    await narrow('detail');
    await readable(page, 'dark detail');
    await shot(page, 'phone-detail', { fullPage: true });
    for (const hash of ['patient/p-000017', 'clinician/c-0004', 'service/newest']) {
      await page.goto(`${address}/#/${hash}`);
      await page.waitForSelector('.page h1');
      await narrow(hash);
      await readable(page, `dark ${hash}`);
      await shot(page, `phone-${hash.split('/')[0]}`, { fullPage: true });
    }
    const moving = await page.evaluate(() => [...document.querySelectorAll('*')].filter((one) => parseFloat(getComputedStyle(one).transitionDuration) > 0).length);
    assert.equal(moving, 0, 'nothing moves for who asked for no motion');
  });
}

async function dark() {
  await withBrowser({ viewport: { width: 1440, height: 900 }, colorScheme: 'dark' }, async (browser) => {
    const page = await open(browser);
    await page.waitForSelector('.detail .chart');
    await readable(page, 'dark wide');
    await shot(page, 'list-dark');
  });
}

/** With tokens: nothing without one, then the own teams only, then out again. */
async function signsIn(browser) {
  const guarded = `http://${await ask({ do: 'guard', sha256: [...createHash('sha256').update('a-token').digest()] })}`;
  for (const path of ['/api/alerts', '/api/alerts/stream', '/api/patients/p-000017', '/metrics', '/subjects']) {
    assert.equal((await fetch(guarded + path)).status, 401, path);
  }
  const page = await browser.newPage();
  await page.goto(guarded);
  await page.waitForURL('**/login');
  await readable(page, 'sign in');
  await shot(page, 'sign-in');
  await page.fill('#token', 'another-token');
  await page.keyboard.press('Enter');
  await page.waitForSelector('text=This token is not known.');
  await page.fill('#token', 'a-token');
  await page.keyboard.press('Enter');
  await page.waitForSelector('.row');
  const teams = await page.evaluate(async () => (await (await fetch('/api/alerts')).json()).alerts.map((one) => one.care_team));
  assert.ok(teams.length > 0 && teams.every((team) => team === 'team-1'), teams.join());
  assert.equal(await page.evaluate(() => document.cookie), '', 'no script sees the token');
  assert.ok(!(await page.textContent('nav')).includes('Service'), 'a care manager leads nobody');
  assert.equal(await page.evaluate(async () => (await fetch('/api/services/newest')).status), 403);
  const [cookie] = await browser.cookies(guarded);
  assert.deepEqual([cookie.httpOnly, cookie.sameSite], [true, 'Strict']);
  await page.click('text=Sign out');
  await page.waitForURL('**/login');
  assert.equal(await page.evaluate(async () => (await fetch('/api/alerts')).status), 401);
  await page.close();
}

async function empties(page) {
  await page.goto(`${address}/#/`);
  await page.waitForSelector('.row');
  await put(...[...waiting, ...others].map((one) => newer(one, { status: 'resolved', revision: 9, resolved_at: start, outcome: 'comment' })));
  await page.waitForSelector('text=Nothing is waiting.');
  await readable(page, 'empty');
  await shot(page, 'empty');
}

/** A list far longer than anyone reads: drawn in part, still quick. */
async function crowd(browser) {
  const many = Array.from({ length: 3000 }, (_, n) => alert(`m${n}`, `p-1${String(n).padStart(5, '0')}`, 'overdue-upload', { due: (n + 1) * 60_000, evidence: judged(90, 110) }));
  await put(...many);
  const page = await open(browser);
  await page.waitForSelector('.more');
  note(`3,000 alerts: first list drawn after ${await page.evaluate(() => Math.round(performance.now()))} ms`);
  assert.deepEqual(await listed(page), ids(many.slice(0, 100)));
  await page.click('.more');
  assert.equal((await listed(page)).length, 200);
  const last = alert('m-last', 'p-200000', 'self-harm-answer', { severity: 'critical', due: 60_000 });
  const began = Date.now();
  await put(last);
  await until(page, (id) => document.querySelector('.row').dataset.id === id, last.alert_id);
  note(`3,000 alerts: a new one is on the screen after ${Date.now() - began} ms`);
  await page.close();
}

await put(...[...waiting].reverse(), ...others);
await ask({ do: 'pages', ...pages() });
await withBrowser({ viewport: { width: 1440, height: 900 }, colorScheme: 'light' }, async (browser) => {
  const page = await loads(browser);
  await orders(page);
  await readable(page, 'list');
  await tells(page);
  await filters(page);
  await keys(page);
  await actions(page);
  await guards(page);
  await live(page);
  await signsIn(browser);
  await phone();
  await dark();
  await disconnects(page);
  await pagesShow(page);
  await empties(page);
  await crowd(browser);
});
note('all holds');
process.stdin.destroy();
