// Debian's Chromium, driven without anything leaving this machine.

import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';

export const executable = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const hasChromium = existsSync(executable);

export const launch = () =>
  chromium.launch({
    executablePath: executable,
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
