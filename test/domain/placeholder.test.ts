import fc from 'fast-check';
import type { TextKind } from '../../src/domain/placeholder';
import {
  placeholdersIn,
  portNameOf,
  portPlaceholder,
  replacePlaceholders,
  UnknownPlaceholder,
} from '../../src/domain/placeholder';

const values = new Map([
  ['PORT_SERIAL_1', '5041'],
  ['BERTH_ADDRESS', '127.0.0.1'],
]);

const portNames = fc.stringMatching(/^[a-z0-9](?:[a-z0-9._-]{0,20}[a-z0-9])?$/);
/** Text without anything that could begin a placeholder or an escape. */
const plain = fc.string().map((text) => text.replaceAll('$', '€'));

it.each([
  ['serial_1', 'PORT_SERIAL_1'],
  ['admin-api', 'PORT_ADMIN_API'],
  ['vnc.1', 'PORT_VNC_1'],
])('the placeholder of port %s is %s', (name, placeholder) => {
  expect(portPlaceholder(name)).toBe(placeholder);
});

it.each(['PORT_', 'PORT__A', 'PORT_A_', 'PORT_a', 'SERIAL_1', 'PORT', '', `PORT_${'A'.repeat(64)}`])(
  '%j is of no port',
  (text) => {
    expect(portNameOf(text)).toBeUndefined();
  },
);

it('the name that a placeholder stands for has that placeholder', () => {
  fc.assert(
    fc.property(portNames, (name) => {
      const placeholder = portPlaceholder(name);
      expect(portPlaceholder(portNameOf(placeholder)!)).toBe(placeholder);
    }),
  );
});

it.each<[TextKind, string, string]>([
  ['value', 'serial:${PORT_SERIAL_1}', 'serial:5041'],
  ['value', '${PORT_SERIAL_1}${BERTH_ADDRESS}', '5041127.0.0.1'],
  ['value', '$${PORT_SERIAL_1}', '${PORT_SERIAL_1}'],
  ['value', '$${anything', '${anything'],
  ['value', '$HOME $ { $5 }', '$HOME $ { $5 }'],
  ['file', '`${name}: ${ PORT } $${name} ${PORT_SERIAL_1}`', '`${name}: ${ PORT } $${name} 5041`'],
  ['file', 'echo $${HOME} $HOME', 'echo ${HOME} $HOME'],
  ['file', '\uFEFFa\r\n\t${PORT_SERIAL_1}\r\n', '\uFEFFa\r\n\t5041\r\n'],
])('in a %s, %j becomes %j', (kind, text, rendered) => {
  expect(replacePlaceholders(text, kind, values)).toBe(rendered);
});

it.each<[TextKind, string]>([
  ['value', '${PORT_NONE}'],
  ['value', '${port_serial_1}'],
  ['value', '${PORT_SERIAL_1'],
  ['value', '${}'],
  ['value', '${constructor}'],
  ['file', '${SERIAL_1}'],
  ['file', '${PORT_serial_1}'],
  ['file', '${BERTH_}'],
])('in a %s, %j is unknown', (kind, text) => {
  expect(() => replacePlaceholders(`a ${text}`, kind, values)).toThrow(new UnknownPlaceholder(text));
  expect(placeholdersIn(`a ${text}`, kind)).toMatchObject([{ text, index: 2 }]);
});

/**
 * The rewriter that this one replaces looked for `${SERIAL_1}`, made from the port name `serial_1`; no template ever
 * held that, and labs were started with `${PORT_SERIAL_1}` as the number of their port.
 */
it('finds the placeholder with its prefix, and does not take the name without it for one', () => {
  const ports = new Map([[portPlaceholder('serial_1'), '5041']]);
  expect(replacePlaceholders('tag: serial:${PORT_SERIAL_1}', 'file', ports)).toBe('tag: serial:5041');
  expect(() => replacePlaceholders('tag: serial:${SERIAL_1}', 'file', ports)).toThrow('unknown placeholder ${SERIAL_1}');
});

it('replaces every placeholder, and nothing else', () => {
  const pieces = fc.array(fc.tuple(plain, portNames, fc.nat({ max: 65_535 })), { minLength: 1 });
  fc.assert(
    fc.property(pieces, fc.constantFrom<TextKind>('value', 'file'), (all, kind) => {
      const numbers = new Map(all.map(([, name, port]) => [portPlaceholder(name), String(port)]));
      const text = all.map(([before, name]) => `${before}\${${portPlaceholder(name)}}`).join('');
      const expected = all.map(([before, name]) => before + numbers.get(portPlaceholder(name))!).join('');
      expect(placeholdersIn(text, kind)).toHaveLength(all.length);
      expect(replacePlaceholders(text, kind, numbers)).toBe(expected);
      expect(placeholdersIn(expected, kind)).toEqual([]);
    }),
  );
});

it('leaves an escaped text as it was written', () => {
  fc.assert(
    fc.property(plain, portNames, (before, name) => {
      const placeholder = `\${${portPlaceholder(name)}}`;
      expect(replacePlaceholders(`${before}$${placeholder}`, 'file', new Map())).toBe(before + placeholder);
    }),
  );
});
