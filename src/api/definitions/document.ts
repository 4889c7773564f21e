import type { DefinitionBody } from '../../domain/definition';
import { findConflicts, findExcesses, findUnknownReferences } from '../../domain/definition-references';
import { requestedPorts } from '../../domain/definition-requests';
import { definitionBytesMax, problemsMax } from '../../domain/limits';
import type { Problem } from '../../domain/problem';
import { InvalidDocument } from '../documents/invalid-document';
import { loadDocument } from '../documents/load';
import { problemsOf } from '../documents/schema';
import { normalise } from './normalise';
import { readParts } from './parts';
import { definitionDocument } from './schema';

/**
 * Reads a definition document, given as text (YAML or JSON) or as a parsed body, into the body of a definition:
 * validated, with all defaults filled in, immutable. Throws `InvalidDocument` with everything that is wrong.
 */
export function parseDefinition(input: unknown): DefinitionBody {
  const document = loadDocument(input, definitionBytesMax);
  const parsed = definitionDocument.safeParse(document, { reportInput: true });
  const problems = [...(parsed.success ? [] : problemsOf(parsed.error)), ...crossProblems(document)];
  if (!parsed.success || problems.length > 0) throw new InvalidDocument(problems.slice(0, problemsMax));
  return deepFreeze(normalise(parsed.data));
}

function crossProblems(document: unknown): Problem[] {
  const parts = readParts(document);
  const ports = requestedPorts(parts);
  return [
    ...findConflicts(parts),
    ...findExcesses(parts, ports),
    // A topology brings ports of its own; then this is asked when it has been read.
    ...(parts.artifact?.format === 'cml' ? [] : findUnknownReferences(parts, ports)),
  ];
}

function deepFreeze<Value>(value: Value): Value {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze);
    Object.freeze(value);
  }
  return value;
}
