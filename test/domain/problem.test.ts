import { describeValue, formatPath, problemAt } from '../../src/domain/problem';

it.each([
  [[], ''],
  [['name'], 'name'],
  [['components', 0, 'ports', 1, 'name'], 'components[0].ports[1].name'],
  [['files', 'conf/app.json', 'x'], 'files["conf/app.json"].x'],
  [['labels', ''], 'labels[""]'],
  [['0'], '["0"]'],
])('%j is written %s', (path, text) => {
  expect(formatPath(path)).toBe(text);
});

it.each([
  [undefined, 'nothing'],
  [null, 'null'],
  ['a\n', '"a\\n"'],
  ['x'.repeat(1000), `"${'x'.repeat(40)}…"`],
  [[], 'an empty list'],
  [[1], 'a list'],
  [{}, 'an object'],
  [Infinity, 'Infinity'],
  [true, 'true'],
])('%j is described as %s', (value, text) => {
  expect(describeValue(value)).toBe(text);
});

it('is a sentence with its place', () => {
  expect(problemAt(['ports', 0], 'a port', 'none')).toEqual({
    path: 'ports[0]',
    expected: 'a port',
    message: 'ports[0]: expected a port, found none',
  });
  expect(problemAt([], 'an object', 'none').message).toBe('the document: expected an object, found none');
});
