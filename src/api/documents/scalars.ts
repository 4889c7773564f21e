import semver from 'semver';
import { z } from 'zod';
import { durationPattern, formatDurationMs, parseDurationMs } from '../../domain/duration';
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
import { bytesPattern, cpuPattern, parseCpuMillicores, parseMebibytes } from '../../domain/quantity';
import { map, notation, prose, section, text, wholeNumber, written } from './schema';

/** The notations that documents of every kind share. */

/** Name of a definition, a component or a template: a DNS label. */
export const name = text(
  `a name of lower-case letters, digits and dashes, such as web-1 (at most ${nameCharactersMax} characters)`,
  new RegExp(`^[a-z0-9](?:[a-z0-9-]{0,${nameCharactersMax - 2}}[a-z0-9])?$`),
);

/** Name of a port. Lower case, for the placeholder is its name in capitals. */
export const portName = text(
  `a port name of lower-case letters, digits and - . _ inside, such as serial_1 (at most ${nameCharactersMax} long)`,
  new RegExp(`^[a-z0-9](?:[a-z0-9._-]{0,${nameCharactersMax - 2}}[a-z0-9])?$`),
);

export const portNumber = wholeNumber(1, 65_535);

const versionPattern =
  /^(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,14})\.(0|[1-9]\d{0,14})(-(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(\.(0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*)?$/;

/** A version that compares: build metadata is refused, for 1.0.0+a and 1.0.0+b would be equal and yet two. */
export const version = notation(
  written('a semantic version in quotes, such as "1.2.3"', versionPattern).max(versionCharactersMax, {
    error: `a version of at most ${versionCharactersMax} characters`,
  }),
  'a semantic version such as 1.2.3 or 1.2.3-rc.1',
  (version) => (semver.valid(version) === version ? version : undefined),
);

const sha256Pattern = /^[0-9a-fA-F]{64}$/;

export const sha256 = notation(
  written('a SHA-256 hash', sha256Pattern),
  'a SHA-256 hash of 64 hexadecimal digits',
  (hash) => (sha256Pattern.test(hash) ? hash.toLowerCase() : undefined),
);

/** Segments between single slashes, none of them `.` or `..`. */
const relativePathPattern = /^(?!\.{1,2}(\/|$))[^/\\\u0000-\u001f\u007f-\u009f]+(\/(?!\.{1,2}(\/|$))[^/\\\u0000-\u001f\u007f-\u009f]+)*$/;

/** A path inside the instance's directory, in the one way of writing it. */
export const relativePath = notation(
  written('a path', relativePathPattern).meta({ maxLength: filePathCharactersMax }),
  `a relative path inside the instance's directory, such as conf/app.json (at most ${filePathCharactersMax} characters)`,
  (path) => (path.length <= filePathCharactersMax && relativePathPattern.test(path) ? path : undefined),
);

const labelName = text(
  `a label name such as zone or example.org/team (at most ${nameCharactersMax} characters)`,
  new RegExp(`^[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,${nameCharactersMax - 2}}[A-Za-z0-9])?$`),
);

const labelValue = prose(
  `text of at most ${labelValueCharactersMax} characters on one line (numbers and true or false in quotes)`,
  labelValueCharactersMax,
  { lines: false },
);

export const labels = map(labelName, labelValue, labelsMax, 'labels');

/** Labels in a merge patch: null takes one away, and null for the whole takes all. */
export const labelsPatch = map(labelName, labelValue.nullable(), 2 * labelsMax, 'labels').nullable();

/** `500ms`, `10s`, `1h30m` → milliseconds. */
export function duration(fromMs: number, toMs: number) {
  const bounds = `from ${formatDurationMs(fromMs)} to ${formatDurationMs(toMs)}`;
  const expected = `a duration such as 500ms, 10s or 1h30m, ${bounds}`;
  return notation(written(expected, durationPattern, 'duration-with-units'), expected, (given) => within(parseDurationMs(given), fromMs, toMs));
}

export const cpu = millicores(componentCpuMillicoresMax);
export const memory = mebibytes(componentMemoryMibMax);
export const storage = mebibytes(componentStorageMibMax);

/** Sections that name all three, such as the capacity of a worker. */
export const resources = section({ cpu, memory, storage });

/** Cores or millicores → millicores. */
export function millicores(max: number) {
  return notation(
    z.union([cores(max / 1000), written('an amount of CPU', cpuPattern, 'cpu')], { error: 'an amount of CPU such as 0.2 or 200m' }),
    `an amount of CPU in cores or millicores, such as 0.2 or 200m, at most ${max / 1000}`,
    (given) => within(parseCpuMillicores(given), 0, max),
  );
}

/** An amount with its unit → MiB. */
export function mebibytes(maxMib: number) {
  const expected = `an amount with its unit, such as 64Mi, 1.5Gi or 500M, at most ${maxMib / 1024 / 1024}Ti`;
  return notation(written(expected, bytesPattern, 'bytes-with-unit'), expected, (given) => within(parseMebibytes(given), 0, maxMib));
}

function within(value: number | undefined, from: number, to: number): number | undefined {
  return value !== undefined && value >= from && value <= to ? value : undefined;
}

/** What is a multiple of a thousandth but for how binary numbers are written is one: 0.29 came out of somebody's sum as 0.29000000000000004. */
function cores(max: number) {
  return z
    .number()
    .meta({ minimum: 0, maximum: max, multipleOf: 0.001 })
    .transform((given) => Number(given.toPrecision(12)));
}
