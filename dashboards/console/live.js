// The alerts as the server sends them, with what the person has just done laid over them until it is confirmed.
import { read } from './dom.js';

/** Silence for so long means that the connection is gone: the server speaks every 5 s. */
const SILENCE_MS = 12_000;
const RETRY_MS = 2_000;
/** An action that has not come back on the stream by then is shown as not confirmed. */
const CONFIRM_MS = 15_000;

const PATCHES = {
  acknowledge: () => ({ status: 'acknowledged' }),
  assign: ({ assignee_id }) => ({ assignee_id }),
  snooze: ({ minutes }, now) => ({ status: 'snoozed', snoozed_until: now + minutes * 60_000 }),
  escalate: (_choice, _now, alert) => ({ escalations: alert.escalations + 1 }),
  resolve: ({ outcome }, now) => ({ status: 'resolved', outcome, resolved_at: now }),
};

export class Live extends EventTarget {
  #alerts = new Map();
  #overlays = new Map();
  #source = null;
  #heardAt = 0;
  #offset = 0;
  state = 'connecting';

  start() {
    this.#open();
    setInterval(() => {
      if (this.#heardAt && performance.now() - this.#heardAt > SILENCE_MS) this.#lost();
    }, 1000);
  }

  /** The server's clock, ms. */
  now() {
    return Date.now() + this.#offset;
  }

  /** All alerts as the person should see them. */
  all() {
    return [...this.#alerts.keys()].map((id) => this.get(id));
  }

  get(id) {
    const alert = this.#alerts.get(id);
    const overlay = this.#overlays.get(id);
    return alert && overlay ? { ...alert, ...overlay.patch, pending: true } : alert;
  }

  /** Shows the action at once, sends it, and takes it back when it is refused. */
  async act(id, choice) {
    const alert = this.#alerts.get(id);
    if (!alert || this.#overlays.has(id)) return;
    const overlay = { patch: PATCHES[choice.kind](choice, this.now(), alert), revision: alert.revision };
    this.#overlays.set(id, overlay);
    this.#changed([id]);
    const end = (message) => {
      if (this.#overlays.get(id) !== overlay) return;
      this.#overlays.delete(id);
      this.#changed([id]);
      this.#say(message);
    };
    try {
      await read('/api/alerts/actions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ alert_id: id, revision: alert.revision, ...choice }),
      });
      setTimeout(() => end('The action is recorded, but its effect has not come back yet.'), CONFIRM_MS);
    } catch (error) {
      end(`Not done: ${error.message}`);
    }
  }

  #open() {
    this.#source?.close();
    const source = new EventSource('/api/alerts/stream');
    this.#source = source;
    const on = (name, handle) =>
      source.addEventListener(name, (event) => {
        this.#heardAt = performance.now();
        const data = JSON.parse(event.data);
        this.#offset = data.now - Date.now();
        handle(data.alerts);
        this.#enter('connected');
      });
    on('snapshot', (alerts) => {
      this.#alerts.clear();
      this.#take(alerts, true);
    });
    on('alerts', (alerts) => this.#take(alerts, false));
    on('pulse', () => {});
    source.onerror = () => {
      this.#enter('disconnected');
      if (source.readyState === EventSource.CLOSED) this.#lost();
    };
  }

  #lost() {
    this.#heardAt = 0;
    this.#source?.close();
    this.#enter('disconnected');
    // sends the person to the sign-in page when that is what is missing
    read('/api/me').catch(() => {});
    setTimeout(() => this.#open(), RETRY_MS);
  }

  #take(alerts, first) {
    const arrived = [];
    for (const alert of alerts) {
      if (!first && !this.#alerts.has(alert.alert_id)) arrived.push(alert);
      if (alert.status === 'withdrawn') this.#alerts.delete(alert.alert_id);
      else this.#alerts.set(alert.alert_id, alert);
      const overlay = this.#overlays.get(alert.alert_id);
      if (overlay && alert.revision > overlay.revision) this.#overlays.delete(alert.alert_id);
    }
    this.#changed(alerts.map((alert) => alert.alert_id));
    const urgent = arrived.filter((alert) => alert.severity === 'critical' && alert.status === 'open' && !alert.historic);
    if (urgent.length) this.dispatchEvent(new CustomEvent('urgent', { detail: urgent }));
  }

  #changed(ids) {
    this.dispatchEvent(new CustomEvent('change', { detail: ids }));
  }

  #enter(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new Event('state'));
  }

  #say(message) {
    this.dispatchEvent(new CustomEvent('notice', { detail: message }));
  }
}
