// A browser with nothing of the person's in it, and what the tests ask of a page.
import { createRequire } from 'node:module';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const { chromium } = createRequire(join(process.env.AFTERCARE_BROWSER, 'package.json'))('playwright-core');

const ARGUMENTS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export async function withBrowser(options, run) {
  const folder = await mkdtemp(join(tmpdir(), 'console-'));
  const browser = await chromium.launchPersistentContext(folder, { executablePath: '/usr/bin/chromium', args: ARGUMENTS, ...options });
  try {
    return await run(browser);
  } finally {
    await browser.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Runs in the page: every text with less contrast to what is behind it than WCAG AA asks, as words. */
export function lowContrast() {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement;
    if (!node.textContent.trim() || element.closest('.unseen, .skip, dialog:not([open]), option, title, :disabled') || !element.checkVisibility()) continue;
    const chain = [];
    for (let at = element; at; at = at.parentElement) chain.unshift(at);
    let ground = [255, 255, 255];
    for (const one of chain) ground = over(rgba(getComputedStyle(one).backgroundColor), ground);
    const style = getComputedStyle(element);
    const text = over(rgba(element.ownerSVGElement ? style.fill : style.color), ground);
    const [a, b] = [light(text), light(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
    if (ratio < (large ? 3 : 4.5)) found.push(`${ratio.toFixed(2)} ${element.className} ${node.textContent.trim().slice(0, 30)}`);
  }
  return found;
}

/** Runs in the page: controls without a name for a screen reader. */
export function unnamed() {
  const named = (one) => one.getAttribute('aria-label') || one.textContent.trim() || one.labels?.length || one.getAttribute('aria-labelledby');
  return [...document.querySelectorAll('button, a, input, select, [role=img]')].filter((one) => one.checkVisibility() && !named(one)).map((one) => one.outerHTML.slice(0, 80));
}
