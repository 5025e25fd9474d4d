// Elements in one expression. Text is always set as text, never read as markup.

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.flat(9).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

/** A table with a caption for those who cannot see what stands around it. */
export function table(caption, heads, rows) {
  const head = (text) => h('th', { scope: 'col', class: text.endsWith('#') ? 'number' : null }, text.replace('#', ''));
  const cell = (content, at) =>
    h('td', { class: heads[at].endsWith('#') ? 'number' : null, 'data-label': heads[at].replace('#', '') }, content);
  return h('div', { class: 'scroll', tabindex: 0, role: 'region', 'aria-label': caption },
    h('table', {},
      h('caption', { class: 'unseen' }, caption),
      h('thead', {}, h('tr', {}, heads.map(head))),
      h('tbody', {}, rows.map((cells) => h('tr', {}, cells.map(cell))))));
}

/** Reads JSON of the API; a refusal becomes an error with the server's sentence. */
export async function read(path, options) {
  let reply;
  try {
    reply = await fetch(path, options);
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new Error('The server does not answer.', { cause });
  }
  if (reply.status === 401) location.assign('/login');
  const body = await reply.json().catch(() => ({}));
  if (!reply.ok) throw new Error(body.message ?? `The server answered ${reply.status}.`);
  return body;
}
