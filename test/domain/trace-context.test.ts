import { loggedCause, parseTraceparent, traceIdOf, traceparentOf } from '../../src/domain/trace-context';

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const spanId = '00f067aa0ba902b7';

describe('a traceparent header', () => {
  it.each([
    ['version 00', `00-${traceId}-${spanId}-01`, '01'],
    ['no flag', `00-${traceId}-${spanId}-00`, '00'],
    ['flags that are not known, which are cleared', `00-${traceId}-${spanId}-ff`, '03'],
    ['a later version', `cc-${traceId}-${spanId}-01`, '01'],
    ['a later version that says more', `cc-${traceId}-${spanId}-01-what-the-future-will-be-like`, '01'],
  ])('is read: %s', (_what, header, flags) => {
    expect(parseTraceparent(header)).toEqual({ traceId, spanId, flags });
  });

  it.each([
    ['nothing', ''],
    ['a version that is forbidden', `ff-${traceId}-${spanId}-01`],
    ['version 00 that says more', `00-${traceId}-${spanId}-01-`],
    ['a later version without a dash before what is more', `cc-${traceId}-${spanId}-01.what`],
    ['capitals', `00-${traceId.toUpperCase()}-${spanId}-01`],
    ['digits that are none', `00-${traceId.replace('4', 'g')}-${spanId}-01`],
    ['a trace of zeros', `00-${'0'.repeat(32)}-${spanId}-01`],
    ['a span of zeros', `00-${traceId}-${'0'.repeat(16)}-01`],
    ['a trace that is too short', `00-${traceId.slice(1)}-${spanId}-01`],
    ['a span that is too long', `00-${traceId}-${spanId}0-01`],
    ['flags of one digit', `00-${traceId}-${spanId}-1`],
    ['spaces', ` 00-${traceId}-${spanId}-01`],
    ['two headers, as they are joined', `00-${traceId}-${spanId}-01, 00-${traceId}-${spanId}-01`],
  ])('is refused: %s', (_what, header) => {
    expect(parseTraceparent(header)).toBeUndefined();
  });

  it('is written as it is read', () => {
    const header = `00-${traceId}-${spanId}-01`;
    expect(traceparentOf(parseTraceparent(header)!)).toBe(header);
  });
});

it('a log line says of a cause what is known of it', () => {
  expect(loggedCause({ requestId: 'r-1', correlationId: 'c-1', traceparent: `00-${traceId}-${spanId}-01` })).toEqual({ requestId: 'r-1', correlationId: 'c-1', traceId });
  expect(loggedCause({})).toEqual({});
  expect(traceIdOf('what an older version wrote')).toBeUndefined();
});
