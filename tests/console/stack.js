// A local stack for the tests: the `tessera` binary on a free port. With SOURCE=1, a server in front of it serves the
// console's files as they are in the working tree, so that a changed file needs no build.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, request as forward } from 'node:http';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
export const assets = join(root, 'functions/console/assets');
export const binary = process.env.TESSERA ?? join(root, 'target/debug/tessera');
export const hasBinary = existsSync(binary);
export const KEY = 'tsk_console_tests_admin_key_00000001';

const TYPES = { js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', txt: 'text/plain', json: 'application/json' };

/** The files of the console in the working tree, by name. */
export const files = async () => {
  const names = await readdir(assets, { recursive: true, withFileTypes: true });
  return names
    .filter((one) => one.isFile())
    .map((one) => join(one.parentPath ?? one.path, one.name).slice(assets.length + 1))
    .sort();
};

const listen = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)));

/** Serves the working tree's console, and hands everything else to the stack. */
const inFrontOf = async (port) => {
  const policy = (await readFile(join(root, 'functions/console/src/console.policy'), 'utf8')).trim().split('\n').join('; ');
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://127.0.0.1').pathname;
    if (path.startsWith('/console')) {
      const name = path.startsWith('/console/assets/source/') ? path.slice('/console/assets/source/'.length) : null;
      const body = await readFile(join(assets, name ?? 'index.html')).catch(() => null);
      if (!body) return response.writeHead(404).end();
      const type = name ? TYPES[name.split('.').pop()] : 'text/html; charset=utf-8';
      response.writeHead(200, { 'content-type': type, ...(!name && { 'content-security-policy': policy }) });
      return response.end(name ? body : body.toString().replaceAll('{assets}', '/console/assets/source'));
    }
    const { method, headers } = request;
    const own = { ...headers, host: `127.0.0.1:${port}` };
    const onward = forward({ host: '127.0.0.1', port, path: request.url, method, headers: own }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    onward.on('error', () => response.destroy());
    return request.pipe(onward);
  });
  return { url: `http://127.0.0.1:${await listen(server)}`, close: () => server.close() };
};

/** Starts a stack; `close` ends it. */
export const startStack = async (...options) => {
  const child = spawn(binary, ['--memory', '--admin-key', KEY, '--port', '0', ...options], { stdio: ['ignore', 'pipe', 'inherit'] });
  process.once('exit', () => child.kill());
  let said = '';
  const url = await new Promise((resolve, reject) => {
    child.stdout.on('data', (text) => {
      said += text;
      const ready = /^ready (http:\/\/\S+)$/m.exec(said);
      if (ready) resolve(ready[1]);
    });
    child.on('exit', (code) => reject(new Error(`the stack ended with ${code}: ${said}`)));
  });
  const front = process.env.SOURCE ? await inFrontOf(Number(new URL(url).port)) : null;
  const call = async (method, path, body, key = KEY) => {
    const response = await fetch(`${url}${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text ? JSON.parse(text) : null };
  };
  return {
    url: front?.url ?? url,
    program: /prg_\w+/.exec(said)?.[0],
    call,
    close: () => {
      front?.close();
      child.kill();
    },
  };
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startStack(...process.argv.slice(2));
  console.log(`console  ${url}/console\nkey      ${KEY}`);
}
