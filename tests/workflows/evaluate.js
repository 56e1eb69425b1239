// Evaluates expressions as GitHub does: JSON of {expressions, contexts, status} comes in, that of the results goes out.
import { readFileSync } from 'node:fs';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';

const { expressions, contexts, status } = JSON.parse(readFileSync(0, 'utf8'));
const known = JSON.parse(JSON.stringify(contexts), data.reviver);
const answer = (name, value) => [
  name,
  { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) },
];
const functions = new Map([
  answer('always', true),
  answer('success', status === 'success'),
  answer('failure', status === 'failure'),
  answer('cancelled', status === 'cancelled'),
]);

function evaluate(expression) {
  const { tokens } = new Lexer(expression).lex();
  const parsed = new Parser(tokens, Object.keys(contexts), [...functions.values()]).parse();
  return new Evaluator(parsed, known, functions).evaluate().coerceString();
}

console.log(JSON.stringify(expressions.map(evaluate)));
