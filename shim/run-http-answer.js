// A response as the answer that the front expects: its own keys and no others, repeated headers and cookies whole, the
// body as text or base64 by what it is.

const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'trailer', 'upgrade', 'proxy-connection', 'proxy-authenticate'],
]);
const LISTS = new Set(['rest', 'http-api-1.0', 'alb-multi']); // each name with all its values
const SPELT = new Set(['alb', 'lattice', 'lattice-1']); // one value a name, and cookies cannot be joined
const DESCRIBED = new Set(['alb', 'alb-multi', 'lattice', 'lattice-1']);
const { STATUS_CODES } = require('node:http');

// A header's bytes: UTF-8 where they are, else Latin-1.
function wordOf(text) {
  try {
    return strictText(Buffer.from(text, 'latin1'));
  } catch {
    return text;
  }
}

// set-cookie, Set-cookie, sEt-cookie …
const spelling = (number) => {
  let bit = 0;
  return [...'set-cookie'].map((one) => (one !== '-' && (number >> bit++) & 1 ? one.toUpperCase() : one)).join('');
};

// The values of each name, in order; content-length goes on only where the body never comes.
function valuesByName(head) {
  const withLength = head.bodiless && head.status !== 204;
  const names = new Map();
  for (const [name, value] of head.headers) {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || (lower === 'content-length' && !withLength)) continue;
    if (!names.has(lower)) names.set(lower, { name, values: [] });
    names.get(lower).values.push(value);
  }
  return names;
}

function answerHead(front, head) {
  const names = valuesByName(head);
  const answer = { statusCode: head.status };
  if (DESCRIBED.has(front)) answer.statusDescription = `${head.status} ${STATUS_CODES[head.status] ?? 'Status'}`;
  const pairs = (each) => Object.fromEntries([...names.values()].map(({ name, values }) => [wordOf(name), each(values)]));
  if (LISTS.has(front)) return { ...answer, multiValueHeaders: pairs((values) => values.map(wordOf)) };
  const cookies = (names.get('set-cookie')?.values ?? []).map(wordOf);
  names.delete('set-cookie');
  answer.headers = pairs((values) => wordOf(values.join(', ')));
  if (SPELT.has(front)) cookies.forEach((cookie, number) => (answer.headers[spelling(number)] = cookie));
  else if (cookies.length > 0) answer.cookies = cookies;
  return answer;
}

const headerOf = (head, name) => head.headers.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value);

const isEncoded = (head) => headerOf(head, 'content-encoding').some((value) => value && !/^identity/i.test(value));

const isListedBinary = (head) =>
  headerOf(head, 'content-type').some((value) => {
    const type = value.toLowerCase().split(/[; ]/)[0];
    return http.binary_types.some((one) => (one.endsWith('*') ? type.startsWith(one.slice(0, -1)) : type === one));
  });

// The body as text where it is UTF-8 and no longer than base64 would be; undefined otherwise.
function bodyText(front, head, body) {
  if (body.length > 0 && (isEncoded(head) || isListedBinary(head))) return undefined;
  try {
    const text = strictText(body);
    const longer = Buffer.byteLength(JSON.stringify(text)) - 2 > Math.ceil(body.length / 3) * 4;
    return longer && front !== 'rest' ? undefined : text;
  } catch {
    return undefined;
  }
}

function answerOf(front, head, body) {
  const text = bodyText(front, head, body);
  const inside = { body: text ?? body.toString('base64'), isBase64Encoded: text === undefined };
  return { ...answerHead(front, head), ...inside };
}

// What stands before the body of a stream: the head as JSON, and eight NULs.
const preludeOf = (front, head) =>
  Buffer.from(JSON.stringify(answerHead(front === 'rest' || front === 'http-api-1.0' ? 'rest' : 'url', head)) + '\0'.repeat(8));
