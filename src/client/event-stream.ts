/** One event of a stream; `id` is the last one that the stream told, with this event or before it. */
export interface ServerSentEvent {
  readonly event: string;
  readonly data: string;
  readonly id?: string;
}

/** Reads a stream of Server-Sent Events from pieces cut anywhere. Comments only show that the stream is alive. */
export class EventStreamParser {
  private partialLine = '';
  private event = '';
  private data: string[] = [];
  private id: string | undefined;
  private characters = 0;

  constructor(private readonly charactersMax: number) {}

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
    if (this.characters > this.charactersMax) throw new RangeError(`an event is longer than ${this.charactersMax} characters`);
    return lines.map((line) => this.line(line)).filter((event) => event !== undefined);
  }

  private line(line: string): ServerSentEvent | undefined {
    if (line === '') return this.dispatch();
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.event = value;
    if (field === 'data') this.data.push(value);
    if (field === 'id') this.id = value;
    return undefined;
  }

  private dispatch(): ServerSentEvent | undefined {
    const { event, data, id } = this;
    this.event = '';
    this.data = [];
    this.characters = this.partialLine.length;
    if (data.length === 0) return undefined;
    return { event: event || 'message', data: data.join('\n'), ...(id !== undefined && { id }) };
  }
}
