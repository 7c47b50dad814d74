/** Questions that wait for their answers, by name. */
import type { Clock } from '@holdfast/platform';
import type { HoldfastError, ToNode } from '@holdfast/protocol';

export interface Questions {
  /** Puts a question and resolves to its answer. When none comes in time, `giveUp` is called. @throws HoldfastError why not */
  ask(name: string, put: () => Promise<void>): Promise<ToNode>;
  has(name: string): boolean;
  /** False when nobody asked. */
  answer(name: string, message: ToNode): boolean;
  refuse(name: string, error: HoldfastError): void;
  /** There will be no more answers. */
  end(reason: HoldfastError): void;
}

interface Question {
  readonly resolve: (message: ToNode) => void;
  readonly reject: (error: HoldfastError) => void;
}

export function createQuestions(clock: Clock, timeoutMs: number, giveUp: () => void): Questions {
  const questions = new Map<string, Question>();
  let end: HoldfastError | undefined;
  const take = (name: string): Question | undefined => {
    const question = questions.get(name);
    questions.delete(name);
    return question;
  };
  return {
    async ask(name, put) {
      if (end !== undefined) throw end;
      const answered = new AbortController();
      const answer = new Promise<ToNode>((resolve, reject) => {
        questions.set(name, { resolve, reject });
      });
      answer.catch(() => undefined);
      clock
        .sleep(timeoutMs, answered.signal)
        .then(giveUp)
        .catch(() => undefined);
      try {
        await put();
        return await answer;
      } finally {
        answered.abort();
      }
    },
    has: (name) => questions.has(name),
    answer(name, message) {
      const question = take(name);
      question?.resolve(message);
      return question !== undefined;
    },
    refuse: (name, error) => take(name)?.reject(error),
    end(reason) {
      end = reason;
      for (const { reject } of questions.values()) reject(reason);
      questions.clear();
    },
  };
}
