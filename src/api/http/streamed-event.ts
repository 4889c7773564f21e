/** What the API's document says of each event of a stream: OpenAPI has no words for the stream itself. */
export function streamedEvent(names: readonly string[]) {
  return {
    type: 'object' as const,
    description: 'Each of the Server-Sent Events.',
    properties: {
      event: { type: 'string' as const, enum: [...names] },
      id: { type: 'string' as const },
      data: { type: 'string' as const, description: 'JSON.' },
      retry: { type: 'integer' as const, description: 'Milliseconds after which to come again.' },
    },
  };
}
