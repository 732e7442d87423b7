// Debian's Chromium, driven without anything leaving this machine.

import { chromium } from 'playwright-core';

export const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';

const processes = new WeakMap();

export const launch = async () => {
  const browser = await chromium.launch({
    executablePath: executable,
    handleSIGTERM: false,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--proxy-server=direct://',
    ],
  });
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  processes.set(browser, processInfo.find(({ type }) => type === 'browser').id);
  return browser;
};

/** Closes a browser. One that has not ended after ten seconds is killed, so that no run of tests waits for it. */
export const close = async (browser) => {
  const kill = setTimeout(() => process.kill(processes.get(browser), 'SIGKILL'), 10_000);
  await browser.close();
  clearTimeout(kill);
};

// The runner ends a file that takes too long by this signal. Ending the process here ends its browser and its stack, too.
process.once('SIGTERM', () => process.exit(143));
