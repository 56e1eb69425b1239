// A device obeys one JSON command a line on standard input, and answers in one line each.
import { createInterface } from 'node:readline';

// Standard output is for answers only.
console.log = console.info = console.debug = console.error;

export async function obey(commands) {
  for await (const line of createInterface({ input: process.stdin })) {
    const [name, ...words] = JSON.parse(line);
    let answer;
    try {
      answer = { result: (await commands[name](...words)) ?? null };
    } catch (error) {
      answer = { error: { message: String(error.message), status: error.status ?? null } };
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
  process.exit(0);
}
