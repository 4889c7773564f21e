import semver from 'semver';
import { z } from 'zod';
import { formatDurationMs, parseDurationMs } from '../../domain/duration';
import {
  componentCpuMillicoresMax,
  componentMemoryMibMax,
  componentStorageMibMax,
  filePathCharactersMax,
  labelsMax,
  labelValueCharactersMax,
  nameCharactersMax,
  versionCharactersMax,
} from '../../domain/limits';
import { parseCpuMillicores, parseMebibytes } from '../../domain/quantity';
import { map, notation, section, text, wholeNumber } from './schema';

/** The notations that documents of every kind share. */

/** Name of a definition, a component or a template: a DNS label. */
export const name = text(
  `a name of lower-case letters, digits and dashes, such as web-1 (at most ${nameCharactersMax} characters)`,
  new RegExp(`^(?=.{1,${nameCharactersMax}}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$`),
);

/** Name of a port. Lower case, for the placeholder is its name in capitals. */
export const portName = text(
  `a port name of lower-case letters, digits and - . _ inside, such as serial_1 (at most ${nameCharactersMax} long)`,
  new RegExp(`^(?=.{1,${nameCharactersMax}}$)[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$`),
);

export const portNumber = wholeNumber(1, 65_535);

/** A version that compares: build metadata is refused, for 1.0.0+a and 1.0.0+b would be equal and yet two. */
export const version = notation(
  z.string({ error: 'a semantic version in quotes, such as "1.2.3"' }).max(versionCharactersMax, {
    error: `a version of at most ${versionCharactersMax} characters`,
  }),
  'a semantic version such as 1.2.3 or 1.2.3-rc.1',
  (written) => (semver.valid(written) === written ? written : undefined),
);

export const sha256 = notation(
  z.string({ error: 'a SHA-256 hash' }),
  'a SHA-256 hash of 64 hexadecimal digits',
  (written) => (/^[0-9a-fA-F]{64}$/.test(written) ? written.toLowerCase() : undefined),
);

/** A path inside the instance's directory, in the one way of writing it. */
export const relativePath = notation(
  z.string({ error: 'a path' }),
  `a relative path inside the instance's directory, such as conf/app.json (at most ${filePathCharactersMax} characters)`,
  (written) => (isRelativePath(written) ? written : undefined),
);

const labelName = text(
  `a label name such as zone or example.org/team (at most ${nameCharactersMax} characters)`,
  new RegExp(`^(?=.{1,${nameCharactersMax}}$)[A-Za-z0-9](?:[A-Za-z0-9._/-]*[A-Za-z0-9])?$`),
);

const labelValue = text(
  `text of at most ${labelValueCharactersMax} characters on one line (numbers and true or false in quotes)`,
  new RegExp(`^[^\\p{Cc}\\p{Surrogate}]{0,${labelValueCharactersMax}}$`, 'u'),
);

export const labels = map(labelName, labelValue, labelsMax, 'labels');

/** Labels in a merge patch: null takes one away, and null for the whole takes all. */
export const labelsPatch = map(labelName, labelValue.nullable(), 2 * labelsMax, 'labels').nullable();

/** `500ms`, `10s`, `1h30m` → milliseconds. */
export function duration(fromMs: number, toMs: number) {
  const bounds = `from ${formatDurationMs(fromMs)} to ${formatDurationMs(toMs)}`;
  const expected = `a duration such as 500ms, 10s or 1h30m, ${bounds}`;
  return notation(z.string({ error: expected }), expected, (written) => within(parseDurationMs(written), fromMs, toMs));
}

export const cpu = millicores(componentCpuMillicoresMax);
export const memory = mebibytes(componentMemoryMibMax);
export const storage = mebibytes(componentStorageMibMax);

/** Sections that name all three, such as the capacity of a worker. */
export const resources = section({ cpu, memory, storage });

/** Cores or millicores → millicores. */
export function millicores(max: number) {
  return notation(
    z.union([z.number(), z.string()], { error: 'an amount of CPU such as 0.2 or 200m' }),
    `an amount of CPU in cores or millicores, such as 0.2 or 200m, at most ${max / 1000}`,
    (written) => within(parseCpuMillicores(written), 0, max),
  );
}

/** An amount with its unit → MiB. */
export function mebibytes(maxMib: number) {
  const expected = `an amount with its unit, such as 64Mi, 1.5Gi or 500M, at most ${maxMib / 1024 / 1024}Ti`;
  return notation(z.string({ error: expected }), expected, (written) => within(parseMebibytes(written), 0, maxMib));
}

function within(value: number | undefined, from: number, to: number): number | undefined {
  return value !== undefined && value >= from && value <= to ? value : undefined;
}

function isRelativePath(path: string): boolean {
  return (
    path.length <= filePathCharactersMax &&
    !/[\p{Cc}\\]/u.test(path) &&
    path.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..')
  );
}
