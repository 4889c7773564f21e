import type { CST, Document } from 'yaml';
import { Composer, isCollection, isScalar, Lexer, LineCounter, Parser, visit } from 'yaml';
import { documentDepthMax, documentTokensMax, problemsMax, yamlAliasExpansionsMax } from '../../domain/limits';
import type { Problem } from '../../domain/problem';
import { describeValue, problemAt } from '../../domain/problem';
import { InvalidDocument } from './invalid-document';

/** Reads one YAML document; JSON is YAML. Refuses, with line and column, what is not one plain tree. */
export function readYaml(text: string): unknown {
  const lines = new LineCounter();
  const document = compose(tokensOf(text, lines), text.length);
  const problems = [...document.errors, ...document.warnings]
    .map(({ pos, message }) => syntaxProblem(lines, pos[0], message))
    .concat(repeatedKeys(document, lines), selfReferences(document, lines));
  if (problems.length > 0) throw new InvalidDocument(problems.slice(0, problemsMax));
  return expand(document);
}

/**
 * Cuts the text into tokens. The depth is watched while this is still a loop: what comes after it recurses, and a few
 * thousand nested dashes end the process there, not only the request.
 */
function tokensOf(text: string, lines: LineCounter): CST.Token[] {
  const parser = new Parser(lines.addNewLine);
  const tokens: CST.Token[] = [];
  lines.addNewLine(0);
  let lexemes = 0;
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > documentDepthMax) {
      throw refused(lines, parser.offset, `a document nested at most ${documentDepthMax} levels deep`);
    }
    lexemes += 1;
    if (lexemes > documentTokensMax) {
      throw refused(lines, parser.offset, `a document of at most ${documentTokensMax} tokens`);
    }
  }
  tokens.push(...parser.end());
  return tokens;
}

function compose(tokens: readonly CST.Token[], length: number): Document.Parsed {
  // The library's own search for repeated keys takes time by the square of their number.
  const composer = new Composer({ uniqueKeys: false, stringKeys: true, logLevel: 'silent' });
  const [document, ...others] = composer.compose(tokens, true, length);
  if (document === undefined || others.length > 0) {
    throw new InvalidDocument([problemAt([], 'one YAML or JSON document', `${others.length + 1}`)]);
  }
  return document;
}

function repeatedKeys(document: Document.Parsed, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) {
          const message = `the key ${describeValue(key.value)} stands here twice`;
          problems.push(syntaxProblem(lines, key.range?.[0] ?? 0, message));
        }
        seen.add(key.value);
      }
    },
  });
  return problems;
}

/** A node that holds itself is no tree: walking it would never end. Only an alias below its own anchor can make one. */
function selfReferences(document: Document.Parsed, lines: LineCounter): Problem[] {
  const problems: Problem[] = [];
  visit(document, {
    Alias(_, alias, ancestors) {
      if (!ancestors.some((node) => isCollection(node) && node.anchor === alias.source)) return;
      problems.push(syntaxProblem(lines, alias.range?.[0] ?? 0, `the alias *${alias.source} stands within what it names`));
    },
  });
  return problems;
}

/** Aliases are written out here, within a bound: nine lines can stand for gigabytes. */
function expand(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: yamlAliasExpansionsMax });
  } catch (cause) {
    const found = cause instanceof Error ? cause.message : String(cause);
    const expected = `aliases of anchors defined before them, of at most ${yamlAliasExpansionsMax} values in all`;
    throw new InvalidDocument([problemAt([], expected, found)], { cause });
  }
}

function refused(lines: LineCounter, offset: number, expected: string): InvalidDocument {
  return new InvalidDocument([problemAt([], expected, `more at ${position(lines, offset)}`)]);
}

function syntaxProblem(lines: LineCounter, offset: number, message: string): Problem {
  return problemAt([], 'valid YAML or JSON', `an error at ${position(lines, offset)}: ${message}`);
}

function position(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}
