// Starts the console: who looks, the live connection, which page is shown, keys that work everywhere.
import { h, read } from './dom.js';
import { AlertList } from './list.js';
import { Live } from './live.js';
import * as words from './words.js';

const by = (id) => document.getElementById(id);
const live = new Live();
const main = by('main');
const help = by('help');
let me = null;
let list = null;
let leave = () => {};

function notice(message) {
  const box = by('notice');
  box.replaceChildren(message, h('button', { type: 'button', class: 'quiet', onclick: () => (box.hidden = true) }, 'Close'));
  box.hidden = false;
}

function connection() {
  const since = words.moment(live.now());
  const texts = { connecting: 'Connecting', connected: 'Live', disconnected: `Disconnected since ${since}, trying again` };
  const box = by('connection');
  box.dataset.state = live.state;
  box.textContent = texts[live.state];
  document.body.classList.toggle('stale', live.state === 'disconnected');
}

live.addEventListener('state', connection);
live.addEventListener('notice', (event) => notice(event.detail));
live.addEventListener('urgent', (event) => {
  const [first] = event.detail;
  const more = event.detail.length > 1 ? ` and ${event.detail.length - 1} more` : '';
  by('announce').textContent = `New critical alert${more}: ${words.rule(first.rule)}, patient ${first.patient_id}`;
});

async function show() {
  leave();
  leave = () => {};
  const [, page, encoded] = location.hash.split('/');
  const id = decodeURIComponent(encoded ?? '');
  for (const link of by('nav').children) {
    if (link.getAttribute('href') === (location.hash || '#/')) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  if (['patient', 'clinician', 'service'].includes(page) && id) {
    document.title = `${page === 'service' ? 'Service' : id}: Aftercare`;
    main.replaceChildren(h('p', { class: 'empty' }, 'Loading'));
    const asked = location.hash;
    try {
      const [module, data] = await Promise.all([
        import(`/console/${page}.js`),
        read(`/api/${page}s/${encodeURIComponent(id)}`),
      ]);
      if (asked === location.hash) leave = module.show(main, data, { live, me }) ?? leave;
    } catch (error) {
      const again = h('button', { type: 'button', onclick: show }, 'Try again');
      main.replaceChildren(h('div', { class: 'empty' }, h('h1', {}, id), h('p', {}, error.message), again));
    }
    main.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } else {
    document.title = 'Alerts: Aftercare';
    leave = list.show(main);
  }
}

document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
  const typing = event.target.matches('input, select, textarea');
  if (event.key === 'Escape' && location.hash.length > 2 && !typing) location.hash = '#/';
  else if (event.key === '?' && !typing) help.showModal();
  else if (!typing || event.key === 'Escape') list?.key(event);
});
by('help-open').addEventListener('click', () => help.showModal());
by('skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
});
window.addEventListener('hashchange', show);

try {
  me = await read('/api/me');
  list = new AlertList(live, me);
  by('nav').append(
    h('a', { href: '#/' }, 'Alerts'),
    me.leads ? h('a', { href: '#/service/newest' }, 'Service') : '',
    me.clinician_id ? h('a', { href: `#/clinician/${encodeURIComponent(me.clinician_id)}` }, 'My patients') : '',
  );
  const out = async () => {
    await fetch('/logout', { method: 'POST', headers: { 'content-type': 'application/json' } });
    location.assign('/login');
  };
  by('who').append(
    ...(me.signed_in ? [`${me.actor_id} `, h('button', { type: 'button', class: 'quiet', onclick: out }, 'Sign out')] : []),
  );
  live.start();
  await show();
} catch (error) {
  main.replaceChildren(h('div', { class: 'empty' }, h('h1', {}, 'Aftercare'), h('p', {}, error.message)));
}
