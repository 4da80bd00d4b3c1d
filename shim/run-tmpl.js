// run.js: stands between Lambda's Node runtime and a program that knows nothing of Lambda.
//
//   in   an event and its context, from the runtime      out  the program's answer, or an error with its reason
//
// The contract is that of the native bootstrap and stands in shim/README.md. tasks/lib/shim.py joins the parts of this file:
// settings, the program's environment, errors, the log, and then the one way in which this program is driven.
'use strict';

const { isUtf8 } = require('node:buffer');
const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { StringDecoder } = require('node:string_decoder');

const main = '$$main$$';
const settings = JSON.parse('$$settings$$'); // ShimSettings of tasks/lib/shim.py, and facts about Lambda and the zip
const streamed = settings.response === 'stream';

const ANSWER_LIMIT = settings.answer_bytes;
const GRACE_MS = 300; // we answer this long before Lambda's own deadline
const LAST_WORDS_MS = 100; // from the end of stdout to the end of the program, where the one follows from the other
const TAIL = 2048; // bytes of stderr in an error message
const PRELUDED = 'application/vnd.awslambda.http-integration-response'; // the program writes status and headers itself
const WAITING = 1 << 20; // bytes of stray stdout, for a log that is not read
const LONGEST_TIMER = 2 ** 31 - 1; // ms; Node takes anything above for nothing
const NOTHING = Buffer.alloc(0);

// ---- the program's environment ----

const root = process.env.LAMBDA_TASK_ROOT || '/var/task';
const lib = path.join(root, settings.lib);
const program = path.join(root, main);
const LOADERS = {
  x64: ['ld-linux-x86-64.so.2', 'ld-musl-x86_64.so.1'],
  arm64: ['ld-linux-aarch64.so.1', 'ld-musl-aarch64.so.1'],
};

// Lambda itself sets LANG=en_US.UTF-8, a locale that Amazon Linux 2023 does not have: a Haskell program would fall back
// to ASCII and die at the first other character. Any other name is the user's wish.
const { LC_ALL, LC_CTYPE, LANG, LD_LIBRARY_PATH } = process.env;
const localeNamed = LC_ALL || LC_CTYPE || (LANG && LANG !== 'en_US.UTF-8');

// The program is started through the loader of its own C library when the package has one. Its folder must not stand in
// LD_LIBRARY_PATH then: whatever the program starts would get a C library that does not fit the system's loader.
const libraryPath = LD_LIBRARY_PATH ? `${lib}:${LD_LIBRARY_PATH}` : lib;
const loader = (LOADERS[process.arch] || []).map((name) => path.join(lib, name)).find((file) => fs.existsSync(file));
const start = [...(loader ? [loader, '--library-path', libraryPath] : []), program];

// Each package that the zip has data files of looks for them where <package>_datadir says; the user's own word stays.
const dataFolder = path.join(root, settings.data);
const packages = fs.existsSync(dataFolder) ? fs.readdirSync(dataFolder) : [];

const environment = {
  ...Object.fromEntries(packages.map((name) => [`${name}_datadir`, path.join(dataFolder, name)])),
  ...process.env,
  ...(localeNamed ? {} : { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }),
  ...(!loader && fs.existsSync(lib) ? { LD_LIBRARY_PATH: libraryPath } : {}),
  ...(fs.existsSync(path.join(lib, 'gconv')) ? { GCONV_PATH: path.join(lib, 'gconv') } : {}),
  LAMBDA_SHIM_PROCESS: settings.process,
  LAMBDA_SHIM_INPUT: settings.input,
  LAMBDA_SHIM_RESPONSE: !streamed ? 'buffered' : settings.content_type === PRELUDED ? 'prelude' : 'stream',
};

// ---- errors: what the caller gets in place of an answer ----

function failure(type, message, tail = '') {
  const error = new Error(tail ? `${message}; the end of its stderr:\n${tail}` : message);
  error.name = type;
  error.stack = `${type}: ${message}`; // where in this file it was made helps nobody, and stderr is in the log already
  return Object.defineProperty(error, 'about', { value: message });
}

function startFailure(error) {
  const why = {
    EACCES: '; it is not an executable file (mode 0755)',
    ENOEXEC: '; it is no program for this processor',
    ENOENT: '; it, or the interpreter it asks for, does not exist',
  };
  return failure('Runtime.InvalidEntrypoint', `cannot start ${program}: ${error.message}${why[error.code] || ''}`);
}

const tooLarge = () =>
  failure(
    'Function.ResponseSizeTooLarge',
    `the answer of ${main} is above ${ANSWER_LIMIT} bytes, Lambda's limit; stream it, or leave it in S3`,
  );

// ---- time ----

const turn = () => new Promise(setImmediate);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- the event ----

// Where several events are served at once, the environment cannot tell.
const traceOf = (context) => context.xRayTraceId ?? process.env._X_AMZN_TRACE_ID;

// Milliseconds since 1970, or undefined when the context does not tell.
function deadlineOf(context) {
  const left = context.getRemainingTimeInMillis?.();
  return Number.isFinite(left) ? Date.now() + Math.round(left) : undefined;
}

function textOf(event) {
  try {
    return JSON.stringify(event) ?? 'null';
  } catch (error) {
    throw failure('Runtime.EventTooDeep', `Node cannot write the event down: ${error.message}`);
  }
}

// ---- JSON ----

// Bytes as text; throws where they are none.
function strictText(bytes) {
  if (!isUtf8(bytes)) throw new TypeError('not UTF-8');
  return bytes.toString();
}

const DIGITS = 16; // so many a JavaScript number may not hold
const isDigit = (code) => (code >= 48 && code <= 57) || code === 46; // or a point

// Whether the digits around the place are those of a number, and `many` of them; or what looks like one inside a string.
function isNumberAt(text, place, many) {
  let from = place;
  let to = place + 1;
  while (isDigit(text.charCodeAt(from - 1))) from -= 1;
  while (to - from < many && isDigit(text.charCodeAt(to))) to += 1;
  if (text[from - 1] === '-') from -= 1;
  return to - from >= many && (from === 0 || '[:, \n\r\t'.includes(text[from - 1]));
}

// Whether a number stands there whose digits are perhaps lost. The whole text is not looked at: a run of 16 digits passes each
// 16th place.
function hasFullNumber(text) {
  for (let at = DIGITS - 1; at < text.length; at += DIGITS) {
    if (isDigit(text.charCodeAt(at)) && isNumberAt(text, at, DIGITS)) return true;
  }
  for (const { index } of text.matchAll(/\d[eE]/g)) if (isNumberAt(text, index, 1)) return true;
  for (let at = text.indexOf('-0'); at >= 0; at = text.indexOf('-0', at + 1)) {
    if (!isDigit(text.charCodeAt(at + 2)) && isNumberAt(text, at + 1, 1)) return true;
  }
  return false;
}

// Numbers that a JavaScript number cannot hold keep the digits they were written with, where Node can do that.
function parseText(text) {
  if (!JSON.rawJSON || !hasFullNumber(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, { source }) =>
    typeof value === 'number' && String(value) !== source ? JSON.rawJSON(source) : value,
  );
}

// ---- the file ----

// A program that cannot be started is known before the first event. (Node would hand what is no program to a shell.)
function checkProgram() {
  const machines = { x64: 62, arm64: 183 };
  const head = Buffer.alloc(20);
  try {
    fs.accessSync(start[0], fs.constants.X_OK);
    const file = fs.openSync(program);
    fs.readSync(file, head, 0, head.length, 0);
    fs.closeSync(file);
  } catch (error) {
    throw startFailure(error);
  }
  const elf = head.readUInt32BE(0) === 0x7f454c46 && head.readUInt16LE(18) === machines[process.arch];
  if (!elf && head.toString('latin1', 0, 2) !== '#!') {
    throw startFailure(Object.assign(new Error('Exec format error'), { code: 'ENOEXEC' }));
  }
}

checkProgram();
