import { oidcDocumentBytesMax, oidcFetchTimeoutMs } from '../../domain/limits';

/** Fetches a JSON document of somebody else's server: in bounded time, of bounded size, and from where it was asked for alone. */
export async function fetchJson(url: string): Promise<unknown> {
  const response = await fetch(url, { redirect: 'error', headers: { accept: 'application/json' }, signal: AbortSignal.timeout(oidcFetchTimeoutMs) });
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`${url} answers ${response.status}`);
  }
  return JSON.parse(await boundedText(url, response)) as unknown;
}

async function boundedText(url: string, response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    // Leaving the loop ends the connection.
    if (bytes > oidcDocumentBytesMax) throw new Error(`${url} answers more than ${oidcDocumentBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
