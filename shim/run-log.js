// The log: the program's stderr, and stdout that is no answer.

const LONGEST_LINE = 32768; // bytes of a record in the log
const LOG_TRIES = 40; // of 5 ms, for a reader of the log that is slow

const inJson = /^json$/i.test(process.env.AWS_LAMBDA_LOG_FORMAT ?? '');
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const levelOf = (name) => LEVELS.indexOf(String(name).toUpperCase());
const leastLevel = levelOf(process.env.AWS_LAMBDA_LOG_LEVEL);

// A record of the log in JSON, where its level is asked for.
function recordOf(level, requestId, message) {
  if (levelOf(level) < leastLevel) return '';
  return `${JSON.stringify({ timestamp: new Date().toISOString(), level, requestId, message })}\n`;
}

// A line that is a JSON object is a record already, and its own level counts; any other is INFO.
function recordOfLine(requestId, bytes) {
  const line = bytes.toString().trimEnd();
  const record = line.startsWith('{') ? objectOf(line) : undefined;
  if (!record) return line ? recordOf('INFO', requestId, line) : '';
  const level = 'level' in record && levelOf(record.level) >= 0 ? levelOf(record.level) : levelOf('INFO');
  return level < leastLevel ? '' : `${line}\n`;
}

function objectOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// How much of a long line is a record: not the first part of a last character.
const pieceOf = (line) => {
  let from = LONGEST_LINE;
  while (from > LONGEST_LINE - 3 && (line[from - 1] & 0xc0) === 0x80) from -= 1;
  return (line[from - 1] & 0xc0) === 0xc0 ? from - 1 : LONGEST_LINE;
};

// Lines on their way to be records; in text they go through as they come.
class Lines {
  rest = NOTHING;
  open = false; // in text: the last line has no break yet

  take(bytes, requestId) {
    if (!inJson) {
      this.open = bytes.at(-1) !== 10;
      return bytes;
    }
    const records = [];
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    for (let end; (end = this.rest.indexOf(10)) >= 0 || this.rest.length > LONGEST_LINE;) {
      const size = end < 0 || end > LONGEST_LINE ? pieceOf(this.rest) : end;
      records.push(recordOfLine(requestId, this.rest.subarray(0, size)));
      this.rest = this.rest.subarray(size + (size === end));
    }
    return Buffer.from(records.join(''));
  }

  // What is there of a line that nobody ends.
  end(requestId) {
    const last = inJson ? recordOfLine(requestId, this.rest) : '';
    this.rest = NOTHING;
    return Buffer.from(last);
  }
}

// A line of our own.
const note = (message) => Buffer.from(inJson ? recordOf('WARN', undefined, message) : `run.js: ${message}\n`);

// One after the other to our stderr, from a thread: a reader that has gone to sleep must not stop us.
class Log {
  waiting = [];
  size = 0; // bytes that wait
  writing = false;

  dropped = 0; // bytes, not told yet

  // Without `done` nobody waits for it, and what nobody has read for long is dropped; the log says so.
  write(bytes, done) {
    if (bytes.length === 0) {
      done?.();
      return;
    }
    if (!done && this.size > WAITING) {
      this.dropped += bytes.length;
      return;
    }
    if (this.dropped > 0) {
      const lost = note(`${this.dropped} bytes of stray stdout are lost here: nobody took the log`);
      this.dropped = 0;
      this.write(lost);
    }
    this.waiting.push({ bytes, done });
    this.size += bytes.length;
    if (!this.writing) this.next();
  }

  // A reader that is awake gets all of it: whoever fills the log waits a little for it.
  async room() {
    for (let tries = 0; this.size > WAITING / 2 && tries < LOG_TRIES; tries += 1) await sleep(5);
  }

  // What the program said stands above what is said of it.
  async written() {
    for (const until = Date.now() + LAST_WORDS_MS; this.size > 0 && Date.now() < until;) await sleep(1);
  }

  next() {
    const piece = this.waiting[0];
    this.writing = piece !== undefined;
    if (!piece) return;
    fs.write(2, piece.bytes, (error, written) => {
      if (error && error.code === 'EAGAIN') return setTimeout(() => this.next(), 5);
      this.size -= error ? piece.bytes.length : written;
      piece.bytes = error ? NOTHING : piece.bytes.subarray(written);
      if (piece.bytes.length === 0) {
        this.waiting.shift();
        piece.done?.();
      }
      this.next();
    });
  }
}

// The end of stderr, from the start of a line where one was cut.
function lastLinesOf(said) {
  const tail = said.subarray(-TAIL);
  const line = said.length > TAIL ? tail.indexOf('\n') + 1 : 0;
  return tail
    .subarray(line < tail.length ? line : 0)
    .toString()
    .trimEnd();
}

const log = new Log();
