// The wrapper this project began with, rewritten from its description: a process an event, line by line, and stdout is
// collected and parsed.
'use strict';

const { spawn } = require('node:child_process');
const path = require('node:path');

exports.handle = (event, context) =>
  new Promise((resolve) => {
    const root = process.env.LAMBDA_TASK_ROOT;
    const env = { ...process.env, LD_LIBRARY_PATH: path.join(root, 'lib') };
    const child = spawn(path.join(root, 'main'), [], { env });
    let text = '';
    child.stdout.on('data', (bytes) => (text += bytes));
    child.on('close', () => resolve(JSON.parse(text).event));
    child.stdin.end(`${JSON.stringify({ event, context })}\n`);
  });
