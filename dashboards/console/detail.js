// One alert: its evidence, what can be done, and how the patient has been doing.
import { h, read } from './dom.js';
import { judgedSeries, legend, trajectory } from './chart.js';
import { due } from './list.js';
import * as words from './words.js';

const SNOOZES = [[15, '15 min'], [60, '1 h'], [240, '4 h'], [1440, '1 day']];

export class AlertDetail {
  element = h('article', { class: 'detail', 'aria-label': 'Alert' });
  #live;
  #me;
  #alert = null;
  #drawn = null;
  #course = h('div', { class: 'course' });
  #courseOf = null;
  #series = null;

  constructor(live, me) {
    this.#live = live;
    this.#me = me;
    new ResizeObserver(() => this.fit()).observe(this.#course);
  }

  show(alert) {
    this.#alert = alert;
    const state = alert && `${alert.alert_id} ${alert.revision} ${alert.pending ?? ''} ${alert.status}`;
    if (!alert || this.#drawn === state) return;
    const kept = this.element.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    this.#drawn = state;
    this.#draw(alert);
    if (kept) this.element.querySelector(`[data-key="${kept}"]`)?.focus({ preventScroll: true });
    if (this.#courseOf !== alert.patient_id) this.#load(alert);
  }

  act(choice) {
    if (!this.#alert || this.#alert.pending || this.#alert.status === 'resolved') return;
    this.#live.act(this.#alert.alert_id, choice);
  }

  focus(group) {
    this.element.querySelector(`[data-group=${group}] button:not(:disabled)`)?.focus();
  }

  tick(now) {
    const clock = this.element.querySelector('.due');
    if (!clock || !this.#alert) return;
    const { state, text } = due(this.#alert, now);
    clock.textContent = text;
    clock.dataset.state = state;
  }

  /** Draws the course as wide as there is room. */
  fit() {
    const width = Math.floor(this.#course.clientWidth);
    if (!this.#series || !width || this.#course.dataset.width === String(width)) return;
    this.#course.dataset.width = width;
    this.#course.replaceChildren(trajectory(this.#series, { width, height: 200, mark: this.#alert?.cause_id }), legend(this.#series));
  }

  #draw(alert) {
    const off = alert.pending || alert.status === 'resolved';
    const button = (label, choice, key, extra = {}) =>
      h('button', { type: 'button', disabled: off, 'data-key': key, onclick: () => this.act(choice), ...extra }, label);
    const group = (name, label, buttons) =>
      h('div', { class: 'group', role: 'group', 'aria-label': label, 'data-group': name, onkeydown: move },
        h('span', { class: 'label', 'aria-hidden': 'true' }, label), h('div', { class: 'buttons' }, buttons));
    const facts = words.evidence(alert).map((line) => h('li', {}, line));
    const others = this.#me.people.filter((person) => person !== this.#me.actor_id && person !== alert.assignee_id);
    const assign = h('select', { 'aria-label': 'Assign to', disabled: off, 'data-key': 'assign-other',
      onchange: (event) => event.target.value && this.act({ kind: 'assign', assignee_id: event.target.value }) },
    h('option', { value: '' }, 'Someone else'), others.map((person) => h('option', {}, person)));
    this.element.replaceChildren(
      h('h3', {}, h('span', { class: `severity ${alert.severity}` }, words.severity(alert.severity)), ' ', words.rule(alert.rule)),
      h('p', { class: 'line' },
        h('a', { href: `#/patient/${encodeURIComponent(alert.patient_id)}` }, alert.patient_id),
        alert.vip && h('span', { class: 'mark vip' }, 'VIP'), h('span', { class: 'due' })),
      h('ul', { class: 'facts' }, facts),
      this.#course,
      h('div', { class: 'groups' },
        group('answer', 'Answer', [
          alert.status === 'open' && button('Acknowledge', { kind: 'acknowledge' }, 'acknowledge', { class: 'primary', 'aria-keyshortcuts': 'a' }),
          alert.assignee_id !== this.#me.actor_id && button('Assign to me', { kind: 'assign', assignee_id: this.#me.actor_id }, 'assign', { 'aria-keyshortcuts': 'm' }),
          others.length > 0 && assign,
          button('Escalate', { kind: 'escalate' }, 'escalate'),
        ]),
        group('snooze', 'Snooze', SNOOZES.map(([minutes, label]) => button(label, { kind: 'snooze', minutes }, `snooze-${minutes}`))),
        group('resolve', 'Resolve', this.#me.outcomes.map((code) => button(words.outcome(code), { kind: 'resolve', outcome: code }, `resolve-${code}`)))),
      h('dl', { class: 'meta' }, meta(alert)));
  }

  async #load(alert) {
    const patient = alert.patient_id;
    this.#courseOf = patient;
    this.#series = null;
    this.#course.removeAttribute('data-width');
    this.#course.replaceChildren();
    // quick steps through the list ask for nothing
    await new Promise((resolve) => setTimeout(resolve, 120));
    if (this.#courseOf !== patient) return;
    try {
      const page = await read(`/api/patients/${encodeURIComponent(patient)}`);
      if (this.#courseOf !== patient) return;
      this.#series = judgedSeries(page.scores, alert.episode_id);
      if (this.#series) this.fit();
      else this.#course.replaceChildren(h('p', { class: 'muted' }, 'No index yet.'));
    } catch (error) {
      if (this.#courseOf === patient) {
        this.#courseOf = null;
        this.#course.replaceChildren(h('p', { class: 'muted' }, `The course cannot be shown: ${error.message}`));
      }
    }
  }
}

function meta(alert) {
  const entries = [
    ['Raised', words.time(alert.raised_at)],
    ['Cause', `${words.time(alert.caused_at)}, ${alert.cause_id}`],
    ['Clinician', alert.clinician_id && h('a', { href: `#/clinician/${encodeURIComponent(alert.clinician_id)}` }, alert.clinician_id)],
    ['Team', alert.care_team],
    ['With', alert.assignee_id],
    ['Seen by', alert.routed_to.map((role) => role.replaceAll('_', ' ')).join(', ')],
    ['Resolved', alert.resolved_at && `${words.time(alert.resolved_at)}, ${words.outcome(alert.outcome ?? '')}`],
    ['Policy', alert.policy],
  ];
  return entries.filter(([, value]) => value).map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
}

/** Arrow keys go through the buttons of a group. */
function move(event) {
  const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!by || event.target.matches('select')) return;
  const all = [...event.currentTarget.querySelectorAll('button:not(:disabled)')];
  all[(all.indexOf(event.target) + by + all.length) % all.length]?.focus();
  event.preventDefault();
}
