import { planFrameCharactersMax } from '../domain/limits';

export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
}

/** Reads a stream of Server-Sent Events from pieces cut anywhere. Comments only show that the stream is alive. */
export class EventStreamParser {
  private partialLine = '';
  private event = '';
  private data: string[] = [];
  private characters = 0;

  /** The events that are complete with this piece. Throws if one grows beyond its bound. */
  push(piece: string): readonly ServerSentEvent[] {
    // A carriage return at the end may be half of a line end, so it waits for what follows.
    const text = this.partialLine.endsWith('\r') ? `\r${piece}` : piece;
    if (text !== piece) this.partialLine = this.partialLine.slice(0, -1);
    const heldBack = text.endsWith('\r') ? '\r' : '';
    const lines = (heldBack ? text.slice(0, -1) : text).split(/\r\n|\n|\r/);

    lines[0] = this.partialLine + lines[0];
    this.partialLine = lines.pop() + heldBack;
    this.characters += piece.length;
    if (this.characters > planFrameCharactersMax) throw new RangeError(`an event is longer than ${planFrameCharactersMax} characters`);
    return lines.map((line) => this.line(line)).filter((event) => event !== undefined);
  }

  private line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    if (field === 'data') this.data.push(value);
    return undefined;
  }

  private dispatch(): ServerSentEvent | undefined {
    const { event, data } = this;
    this.event = '';
    this.data = [];
    this.characters = this.partialLine.length;
    return data.length > 0 ? { event: event || 'message', data: data.join('\n') } : undefined;
  }
}
