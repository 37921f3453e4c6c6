import { isAppError } from '#contracts';
import type { Config } from '#runtime';
import type { NewApplication, Submission, Submitter } from '#yarn';

/**
 * REST, or the application master's jar: always, never, or (`auto`) from the moment on at which the site is found to have
 * switched submission over REST off.
 */
export function chooseSubmitter(choice: Config['yarn']['viaJar'], rest: Submitter, jar: Submitter): Submitter {
  let way = choice === 'always' ? jar : rest;
  const attempt = async <T>(work: (submitter: Submitter) => Promise<T>): Promise<T> => {
    try {
      return await work(way);
    } catch (err) {
      if (choice !== 'auto' || way === jar || !isAppError(err, 'YARN_REST_SUBMISSION_OFF')) throw err;
      way = jar;
      return work(way);
    }
  };
  return {
    newApplication: (signal): Promise<NewApplication> => attempt((submitter) => submitter.newApplication(signal)),
    submit: (submission: Submission, signal): Promise<void> =>
      attempt((submitter) => submitter.submit(submission, signal)),
  };
}
