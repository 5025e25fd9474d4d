// The live list: worst and most urgent first, filters, keys.
import { h } from './dom.js';
import { AlertDetail } from './detail.js';
import * as words from './words.js';

/** So many rows of a section are drawn; the rest on request. */
const ROWS_MAX = 100;
const RANK = { critical: 0, warning: 1, info: 2 };
const isActive = (a) => !a.historic && (a.status === 'open' || a.status === 'acknowledged');
const VIEWS = {
  active: { label: 'Patients', has: (a) => isActive(a) && a.audience !== 'service' },
  service: { label: 'Service', has: (a) => isActive(a) && a.audience === 'service' },
  snoozed: { label: 'Snoozed', has: (a) => !a.historic && a.status === 'snoozed' },
  resolved: { label: 'Resolved', has: (a) => a.status === 'resolved' },
  historic: { label: 'Historic', has: (a) => a.historic && a.status !== 'resolved' },
};
const FILTERS = {
  care_team: { label: 'Team', name: (code) => code },
  procedure: { label: 'Procedure', name: words.procedure },
  rule: { label: 'Kind', name: words.rule },
  severity: { label: 'Severity', name: words.severity },
};

/** Critical, then VIP, then the graver, then whose answer is due first, then the older. */
export function byUrgency(a, b) {
  return (
    (b.severity === 'critical') - (a.severity === 'critical') ||
    b.vip - a.vip ||
    RANK[a.severity] - RANK[b.severity] ||
    (a.answer_due_at ?? Infinity) - (b.answer_due_at ?? Infinity) || // two without a limit give NaN, which counts as equal
    a.raised_at - b.raised_at ||
    (a.alert_id < b.alert_id ? -1 : 1)
  );
}

/** What the clock of an alert says: text, how it stands, and words for who cannot see it. */
export function due(alert, now) {
  if (alert.status === 'resolved') return { state: 'done', text: words.outcome(alert.outcome ?? 'no_action') };
  if (alert.status === 'snoozed') return { state: 'calm', text: `again in ${words.clock(alert.snoozed_until - now)}` };
  if (alert.status === 'acknowledged') return { state: 'calm', text: 'in hand' };
  if (!alert.answer_due_at) return { state: 'calm', text: 'no limit' };
  const left = alert.answer_due_at - now;
  const share = left / Math.max(1, alert.answer_due_at - alert.raised_at);
  if (left < 0) return { state: 'over', text: `${words.clock(left)} over` };
  // the policy says how much of the time may pass; the alert then carries it as evidence
  const near = share < 0.3 || alert.evidence.some((fact) => fact.name === 'answer_time_used');
  return { state: near ? 'near' : 'calm', text: `${words.clock(left)} left` };
}

export class AlertList {
  #live;
  #me;
  #detail;
  #view = 'active';
  #filter = { care_team: '', procedure: '', rule: '', severity: '', search: '' };
  #selected = null;
  #rows = new Map();
  #shown = [];
  #limit = ROWS_MAX;
  #body = h('div', { class: 'sections' });
  #aside = h('aside', { class: 'side', 'aria-label': 'Selected alert' });
  #bar = null;
  #tabs = h('div', { class: 'tabs', role: 'group', 'aria-label': 'Which alerts' });
  #wide = matchMedia('(min-width: 68rem)');
  #roomy = matchMedia('(min-width: 40.01rem)');
  #visible = false;

  constructor(live, me) {
    this.#live = live;
    this.#me = me;
    this.#detail = new AlertDetail(live, me);
    live.addEventListener('change', (event) => this.#changed(event.detail));
    live.addEventListener('state', () => this.#draw());
    this.#wide.addEventListener('change', () => this.#draw());
  }

  show(main) {
    this.#visible = true;
    this.#bar ??= this.#filterBar();
    main.replaceChildren(
      h('h1', { class: 'unseen' }, 'Alerts'),
      this.#tabs,
      this.#bar,
      h('div', { class: 'panes' }, this.#body, this.#aside),
    );
    this.#draw();
    if (this.#selected) this.#focus(this.#selected);
    const ticking = setInterval(() => this.#tick(), 1000);
    return () => {
      this.#visible = false;
      clearInterval(ticking);
    };
  }

  key(event) {
    if (!this.#visible) return;
    const alert = this.#selected && this.#live.get(this.#selected);
    const steps = { j: 1, k: -1 };
    if (event.key === '/') this.#bar.querySelector('[type=search]').focus();
    else if (event.key === 'Escape') this.#selected && this.#focus(this.#selected);
    else if (steps[event.key]) this.#step(steps[event.key]);
    else if (!alert) return;
    else if (event.key === 'a') this.#detail.act({ kind: 'acknowledge' });
    else if (event.key === 'm') this.#detail.act({ kind: 'assign', assignee_id: this.#me.actor_id });
    else if (event.key === 's') this.#detail.focus('snooze');
    else if (event.key === 'r') this.#detail.focus('resolve');
    else if (event.key === 'Enter' && event.target.closest('.row')) location.hash = `#/patient/${encodeURIComponent(alert.patient_id)}`;
    else return;
    event.preventDefault();
  }

  #filterBar() {
    const selects = Object.entries(FILTERS).map(([field, { label }]) =>
      h('label', {}, h('span', {}, label),
        h('select', { name: field, onchange: (event) => this.#set(field, event.target.value) }, h('option', { value: '' }, 'All'))));
    const search = h('input', {
      type: 'search', name: 'search', placeholder: 'Pseudonym', autocomplete: 'off', 'aria-keyshortcuts': '/',
      oninput: (event) => this.#set('search', event.target.value.trim().toLowerCase()),
    });
    // folded on a phone, always open where there is room
    const folded = h('details', { class: 'fold' }, h('summary', {}, 'Filters'), h('div', { class: 'selects' }, selects));
    const unfold = () => { folded.open = this.#roomy.matches || Object.entries(this.#filter).some(([field, value]) => field !== 'search' && value); };
    this.#roomy.addEventListener('change', unfold);
    unfold();
    return h('form', { class: 'filters', role: 'search', onsubmit: (event) => event.preventDefault() },
      h('label', { class: 'search' }, h('span', {}, 'Patient'), search), folded);
  }

  #set(field, value) {
    this.#filter[field] = value;
    this.#limit = ROWS_MAX;
    this.#draw();
  }

  #passes(alert) {
    const { search, ...exact } = this.#filter;
    return (!search || alert.patient_id.toLowerCase().includes(search)) &&
      Object.entries(exact).every(([field, value]) => !value || alert[field] === value);
  }

  /** Redraws, unless nothing that is shown has changed. */
  #changed(ids) {
    for (const id of ids) this.#rows.delete(id);
    if (!this.#visible || this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
    });
  }
  #queued = false;

  #draw() {
    if (!this.#visible) return;
    const all = this.#live.all();
    this.#drawTabs(all);
    this.#drawOptions(all);
    const listed = all.filter((alert) => VIEWS[this.#view].has(alert) && this.#passes(alert));
    const newest = (a, b) => (b.resolved_at ?? b.raised_at) - (a.resolved_at ?? a.raised_at);
    listed.sort(this.#view === 'resolved' || this.#view === 'historic' ? newest : byUrgency);
    const sections = this.#view === 'active' || this.#view === 'service'
      ? [['Waiting for an answer', listed.filter((a) => a.status === 'open')], ['In hand', listed.filter((a) => a.status === 'acknowledged')]]
      : [[VIEWS[this.#view].label, listed]];
    this.#shown = sections.flatMap(([, alerts]) => alerts.slice(0, this.#limit)).map((alert) => alert.alert_id);
    this.#keepSelection();
    const focused = document.activeElement?.closest?.('.row')?.dataset.id;
    const inside = this.#detail.element.contains(document.activeElement) ? document.activeElement : null;
    this.#body.replaceChildren(...(listed.length ? sections.map((section) => this.#section(...section)) : [this.#empty()]));
    this.#placeDetail();
    if (focused && this.#rows.has(focused)) this.#focus(focused, true);
    else if (inside?.isConnected) inside.focus({ preventScroll: true });
    else if (focused || inside) this.#selected && this.#focus(this.#selected, true);
    this.#tick();
  }

  /** The selection stays with its alert; when that leaves the list, the next one takes its place. */
  #keepSelection() {
    if (this.#shown.includes(this.#selected)) {
      this.#at = this.#shown.indexOf(this.#selected);
      return;
    }
    this.#selected = this.#selected === null && !this.#wide.matches ? null : (this.#shown[Math.min(this.#at, this.#shown.length - 1)] ?? null);
  }
  #at = 0;

  #section(title, alerts) {
    if (!alerts.length) return h('section', { hidden: true });
    const more = alerts.length - this.#limit;
    return h('section', {},
      h('h2', {}, title, ' ', h('span', { class: 'count' }, alerts.length)),
      h('ol', { class: 'rows' }, alerts.slice(0, this.#limit).map((alert) => this.#row(alert))),
      more > 0 && h('button', { type: 'button', class: 'more', onclick: () => { this.#limit += ROWS_MAX; this.#draw(); } },
        `Show ${Math.min(more, ROWS_MAX)} of ${more} more`));
  }

  #row(alert) {
    let row = this.#rows.get(alert.alert_id);
    if (!row) {
      row = this.#build(alert);
      this.#rows.set(alert.alert_id, row);
    }
    const selected = alert.alert_id === this.#selected;
    row.classList.toggle('selected', selected);
    row.querySelector('.open').setAttribute('aria-expanded', selected);
    row.querySelector('.open').tabIndex = selected || (!this.#selected && this.#shown[0] === alert.alert_id) ? 0 : -1;
    return row;
  }

  #build(alert) {
    const id = alert.alert_id;
    const [first] = words.evidence(alert);
    const marks = [
      alert.vip && h('span', { class: 'mark vip' }, 'VIP'),
      alert.escalations > 0 && h('span', { class: 'mark escalated' }, alert.escalations > 1 ? `Escalated ${alert.escalations} times` : 'Escalated'),
      alert.audience === 'service' && h('span', { class: 'mark' }, 'Service'),
      alert.historic && h('span', { class: 'mark' }, 'Historic'),
      alert.pending && h('span', { class: 'mark' }, 'Saving'),
    ];
    const about = [words.procedure(alert.procedure), alert.care_team, alert.assignee_id && `with ${alert.assignee_id}`].filter(Boolean).join(' · ');
    const quick = alert.status === 'open' && !alert.pending &&
      h('button', { type: 'button', class: 'quick', tabindex: -1, onclick: (event) => { event.stopPropagation(); this.#select(id); this.#detail.act({ kind: 'acknowledge' }); } },
        'Acknowledge', h('span', { class: 'unseen' }, ` the alert of ${alert.patient_id}`));
    return h('li', { class: `row ${alert.severity}${alert.pending ? ' pending' : ''}`, 'data-id': id },
      h('div', { class: 'head', onclick: () => this.#toggle(id) },
        h('button', { type: 'button', class: 'open', 'aria-expanded': false, onfocus: () => this.#wide.matches && this.#select(id) },
          h('span', { class: 'severity' }, words.severity(alert.severity)),
          h('span', { class: 'what' }, words.rule(alert.rule)),
          h('span', { class: 'patient' }, alert.patient_id),
          marks),
        h('p', { class: 'why' }, first ?? ''),
        h('p', { class: 'about' }, about, ' · ', h('span', { class: 'age', 'data-at': alert.raised_at })),
        h('div', { class: 'right' }, h('span', { class: 'due' }), quick)));
  }

  #tick() {
    const now = this.#live.now();
    for (const id of this.#shown) {
      const [row, alert] = [this.#rows.get(id), this.#live.get(id)];
      if (!row || !alert) continue;
      const { state, text } = due(alert, now);
      const clock = row.querySelector('.due');
      if (clock.textContent !== text) clock.textContent = text;
      clock.dataset.state = state;
      const age = row.querySelector('.age');
      const said = `raised ${words.span(now - Number(age.dataset.at))} ago`;
      if (age.textContent !== said) age.textContent = said;
    }
    this.#detail.tick(now);
  }

  #step(by) {
    if (!this.#shown.length) return;
    const at = this.#shown.indexOf(this.#selected);
    const next = at < 0 ? 0 : Math.min(this.#shown.length - 1, Math.max(0, at + by));
    this.#select(this.#shown[next]);
    this.#focus(this.#selected);
  }

  #toggle(id) {
    if (this.#selected === id && !this.#wide.matches) this.#select(null);
    else this.#select(id);
    this.#focus(id);
  }

  #select(id) {
    if (this.#selected === id) return;
    this.#selected = id;
    this.#at = Math.max(0, this.#shown.indexOf(id));
    for (const [known, row] of this.#rows) {
      row.classList.toggle('selected', known === id);
      const open = row.querySelector('.open');
      open.setAttribute('aria-expanded', known === id);
      open.tabIndex = known === (id ?? this.#shown[0]) ? 0 : -1;
    }
    this.#placeDetail();
  }

  /** Beside the list where there is room, else under its row. */
  #placeDetail() {
    const alert = this.#selected && this.#live.get(this.#selected);
    this.#detail.show(alert ?? null);
    const place = this.#wide.matches ? this.#aside : this.#rows.get(this.#selected);
    if (!alert || !place) this.#detail.element.remove();
    else if (this.#detail.element.parentElement !== place) place.append(this.#detail.element);
    this.#detail.fit();
    this.#tickDetail();
  }

  #tickDetail() {
    this.#detail.tick(this.#live.now());
  }

  #focus(id, still = false) {
    const row = this.#rows.get(id);
    row?.querySelector('.open').focus({ preventScroll: true });
    if (!still) row?.scrollIntoView({ block: 'nearest' });
  }

  #drawTabs(all) {
    const tab = ([view, { label, has }]) =>
      h('button', { type: 'button', 'aria-pressed': String(view === this.#view), 'data-view': view,
        onclick: () => { this.#view = view; this.#limit = ROWS_MAX; this.#draw(); this.#tabs.querySelector(`[data-view=${view}]`).focus(); } },
      label, ' ', h('span', { class: 'count' }, all.filter(has).length));
    const focused = this.#tabs.contains(document.activeElement) ? document.activeElement.dataset.view : null;
    this.#tabs.replaceChildren(...Object.entries(VIEWS).map(tab));
    if (focused) this.#tabs.querySelector(`[data-view=${focused}]`).focus();
  }

  /** Filters offer what there is. */
  #drawOptions(all) {
    for (const [field, { name }] of Object.entries(FILTERS)) {
      const select = this.#bar.elements[field];
      const codes = [...new Set(all.map((alert) => alert[field]).filter(Boolean))].sort();
      const known = [...select.options].slice(1).map((option) => option.value);
      if (codes.join() === known.join()) continue;
      select.replaceChildren(select.options[0], ...codes.map((code) => h('option', { value: code }, name(code))));
      select.value = codes.includes(this.#filter[field]) ? this.#filter[field] : (this.#filter[field] = '');
    }
  }

  #empty() {
    const { search, ...exact } = this.#filter;
    const clear = () => {
      this.#bar.reset();
      this.#filter = { care_team: '', procedure: '', rule: '', severity: '', search: '' };
      this.#draw();
    };
    if (this.#live.state === 'connecting') return h('p', { class: 'empty' }, 'Loading');
    if (search || Object.values(exact).some(Boolean)) {
      return h('div', { class: 'empty' },
        h('p', {}, 'No alert fits these filters.'),
        search && h('p', {}, h('a', { href: `#/patient/${encodeURIComponent(search)}` }, `Open the page of patient ${search}`)),
        h('button', { type: 'button', onclick: clear }, 'Show all'));
    }
    const texts = {
      active: ['Nothing is waiting.', 'New alerts appear here by themselves.'],
      service: ['Nothing about the service itself.', 'Alerts about reviews that were too superficial are listed here.'],
      snoozed: ['Nothing is snoozed.', ''],
      resolved: ['Nothing has been resolved lately.', ''],
      historic: ['No historic alerts.', 'Alerts whose cause was old when it arrived are listed here; they notify no one.'],
    };
    const [title, more] = texts[this.#view];
    return h('div', { class: 'empty' }, h('p', { class: 'calm' }, title), h('p', {}, more));
  }
}
