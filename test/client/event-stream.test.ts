import fc from 'fast-check';
import { EventStreamParser, type ServerSentEvent } from '../../src/client/event-stream';

const charactersMax = 64 * 1024;

function parse(...pieces: string[]): readonly ServerSentEvent[] {
  const parser = new EventStreamParser(charactersMax);
  return pieces.flatMap((piece) => parser.push(piece));
}

describe('EventStreamParser', () => {
  test.each<[string, string, ServerSentEvent[]]>([
    ['an event', 'event: entry\ndata: {}\n\n', [{ event: 'entry', data: '{}' }]],
    ['no name', 'data: x\n\n', [{ event: 'message', data: 'x' }]],
    ['several lines', 'data: a\ndata:b\ndata:  c\n\n', [{ event: 'message', data: 'a\nb\n c' }]],
    ['comments and other fields', ': hello\nretry: 5\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    ['the last id, with every event', 'id: 7\n\ndata: x\n\nid: 8\ndata: y\n\n', [{ event: 'message', data: 'x', id: '7' }, { event: 'message', data: 'y', id: '8' }]],
    ['an event without data', 'event: entry\n\ndata: x\n\n', [{ event: 'message', data: 'x' }]],
    ['other line ends', 'event: a\r\ndata: 1\r\n\r\nevent: b\rdata: 2\r\r:', [{ event: 'a', data: '1' }, { event: 'b', data: '2' }]],
    ['an unfinished event', 'data: x\n', []],
  ])('%s', (_name, text, events) => {
    expect(parse(text)).toEqual(events);
  });

  test('where the pieces are cut makes no difference', () => {
    const text = fc.stringMatching(/^(event: [ab]|data: [{}x]{0,3}|:|\r\n|\n\n|\n|\r){0,20}$/);
    fc.assert(
      fc.property(text, fc.array(fc.nat(60), { maxLength: 8 }), (stream, cuts) => {
        const at = [...new Set([0, ...cuts.filter((cut) => cut < stream.length), stream.length])].sort((a, b) => a - b);
        const pieces = at.slice(1).map((end, index) => stream.slice(at[index], end));
        expect(parse(...pieces, '\n\n')).toEqual(parse(stream, '\n\n'));
      }),
      { numRuns: 1_000 },
    );
  });

  test('an event without end is cut, many events are not', () => {
    const piece = 'x'.repeat(charactersMax / 4);
    expect(() => parse('data: ', piece, piece, piece, piece)).toThrow(RangeError);
    expect(parse(...Array.from({ length: 6 }, () => `data: ${piece}\n\n`))).toHaveLength(6);
  });
});
