import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Agent, type AgentStopOptions } from '../agent/agent';
import { parseAgentConfig } from '../agent/config';
import { redact } from '../domain/redaction';
import { claimDirectory } from '../drivers/runtimes/directory-claim';
import { createLog } from './log';

/**
 * The agent of a host: `node agent.js --config <file>`. SIGTERM ends the agent and leaves its instances running, to be
 * adopted by the next one, so that it can be upgraded; SIGINT ends both.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (!values.config) throw new Error('usage: agent --config <file>');
  const text = await readFile(values.config, 'utf8');
  const config = parseAgentConfig(text, path.basename(values.config));

  const logger = createLog('agent', process.env['BERTH_LOG_LEVEL'], { workerId: config.workerId });
  const giveBack = claimDirectory(config.directory, createHash('sha256').update(text).digest('hex'));
  const agent = new Agent({ ...config, logger });

  let stopping: Promise<never> | undefined;
  const stop = async (options: AgentStopOptions): Promise<never> => {
    await agent.stop(options);
    giveBack();
    process.exit(0);
  };
  // A second signal changes nothing. Whoever cannot wait kills; what then still runs is found by its records.
  process.on('SIGTERM', () => void (stopping ??= stop({ instances: 'leave' })));
  process.on('SIGINT', () => void (stopping ??= stop({ instances: 'stop' })));
  await agent.start();
}

main().catch((error: unknown) => {
  process.stderr.write(`${redact(error instanceof Error ? (error.stack ?? error.message) : String(error))}\n`);
  process.exit(1);
});
