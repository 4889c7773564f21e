import http from 'node:http';

/**
 * Many readers of the stream, in a process of their own: `stream-consumers.ts <url> <count>`, with the token in
 * `BENCH_TOKEN`. Says `{"open":n}` when all are connected, and each second what they heard since. Events carry the time
 * of their commit.
 */
export interface ConsumersReport {
  readonly open: number;
  /** Frames that all of them heard together. */
  readonly heard: number;
  /** Events that did not come after the one before. */
  readonly disorder: number;
  /** Streams that the server ended. */
  readonly ended: number;
  /** Events that every one of them has heard, at least. */
  readonly heardByAll: number;
  /** From commit to the reader, of one frame in ten. */
  readonly latenciesMs: readonly number[];
}

const [url = '', count = '1'] = process.argv.slice(2);
const lastIds: string[] = Array.from({ length: Number(count) }, () => '');
const counts: number[] = Array.from({ length: Number(count) }, () => 0);
let open = 0;
let heard = 0;
let disorder = 0;
let ended = 0;
let latenciesMs: number[] = [];

const idCharacters = '0000-0000000000000000000-0000'.length;
const atMark = '"benchAtMs":';

function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/** Looks at no more of a frame than it must: what is measured is the server. */
function hear(consumer: number, text: string, from: number): void {
  const begin = text.indexOf('id: ', from) + 'id: '.length;
  const id = text.slice(begin, begin + idCharacters);
  heard += 1;
  counts[consumer]! += 1;
  if (id <= lastIds[consumer]!) disorder += 1;
  lastIds[consumer] = id;
  if (heard % 10 > 0) return;
  const at = text.indexOf(atMark, begin) + atMark.length;
  latenciesMs.push(nowMs() - Number.parseFloat(text.slice(at, at + 20)));
}

function connect(consumer: number): void {
  const headers = { accept: 'text/event-stream', authorization: `Bearer ${process.env['BENCH_TOKEN']}` };
  http.get(`${url}/api/v1/events`, { headers, agent: false }, (response) => {
    let partial = '';
    open += 1;
    response.setEncoding('utf8');
    response.on('data', (piece: string) => {
      const text = partial + piece;
      let from = 0;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n', from)) {
        if (text.startsWith('event: change', from)) hear(consumer, text, from);
        from = end + 2;
      }
      partial = text.slice(from);
    });
    response.on('close', () => (ended += 1));
  });
}

for (let consumer = 0; consumer < Number(count); consumer++) connect(consumer);

setInterval(() => {
  const report: ConsumersReport = { open, heard, disorder, ended, heardByAll: Math.min(...counts), latenciesMs };
  process.stdout.write(`${JSON.stringify(report)}\n`);
  heard = 0;
  latenciesMs = [];
}, 1_000);
