// Lighthouse's scores of a page of the demo shop, with the component and without it. A benchmark: it asserts nothing.

import { launch as launchChrome } from 'chrome-launcher';
import lighthouse from 'lighthouse';
import { executable } from './browser.js';
import { startStack } from './real.js';

const RUNS = 3;
const CATEGORIES = ['performance', 'accessibility', 'best-practices'];

const stack = await startStack();
const chrome = await launchChrome({ chromePath: executable, chromeFlags: ['--headless=new', '--no-sandbox', '--disable-gpu'] });
try {
  const scores = {};
  for (const [name, blocked] of [
    ['without', ['*/storefront/*']],
    ['with', []],
  ]) {
    const runs = [];
    for (let run = 0; run < RUNS; run += 1) {
      const options = { port: chrome.port, logLevel: 'error', onlyCategories: CATEGORIES, blockedUrlPatterns: blocked };
      const { lhr } = await lighthouse(`${stack.url}/_local/shop/`, options);
      runs.push(CATEGORIES.map((category) => Math.round(lhr.categories[category].score * 100)));
    }
    // The median of each category: single runs differ by a point or two.
    scores[name] = CATEGORIES.map((_, place) => runs.map((run) => run[place]).sort((a, b) => a - b)[RUNS >> 1]);
  }
  console.log(`${''.padEnd(18)}without  with  at most 1 point apart`);
  CATEGORIES.forEach((category, place) => {
    const [without, own] = [scores.without[place], scores.with[place]];
    console.log(`${category.padEnd(18)}${String(without).padStart(7)}${String(own).padStart(6)}  ${Math.abs(without - own) <= 1 ? 'yes' : 'NO'}`);
  });
} finally {
  chrome.kill();
  stack.stop();
}
