import { AppError, type AlertMessage } from '#contracts';
import { isLoopback, readSecret, trusting, type Config } from '#runtime';

/** Longest wait for the mail server, milliseconds. */
const TIMEOUT_MS = 10_000;
const SUBJECT_CHARACTERS_MAX = 150;

type MailConfig = Config['alerts']['mail'];

/** @throws CONFIG_INVALID naming the key */
export function checkMail({ host, tls, from }: MailConfig): void {
  if (host === '') throw new AppError('CONFIG_INVALID', 'alerts.mail.host is empty; name an SMTP server');
  if (from === '')
    throw new AppError('CONFIG_INVALID', 'alerts.mail.from is empty; name the address that alerts come from');
  if (tls === 'off' && !isLoopback(host))
    throw new AppError('CONFIG_INVALID', `alerts.mail.tls: off is for servers on loopback, not ${host}`);
}

/**
 * Sends a message in words by SMTP.
 * @returns receivers whom the server has refused while it took others, in words; null: none
 * @throws CONFIG_INVALID, Error for what the mail server refuses and for no answer
 */
export async function sendMail(
  { mail, caFile }: Config['alerts'],
  to: readonly string[],
  message: AlertMessage,
): Promise<string | null> {
  checkMail(mail);
  const { host, port, tls, from, username, passwordFile } = mail;
  const { createTransport } = await import('nodemailer');
  const transport = createTransport({
    ...{ host, port, secure: tls === 'on', requireTLS: tls === 'starttls', ignoreTLS: tls === 'off' },
    ...{ connectionTimeout: TIMEOUT_MS, greetingTimeout: TIMEOUT_MS, socketTimeout: TIMEOUT_MS },
    ...{ disableFileAccess: true, disableUrlAccess: true },
    tls: trusting(caFile, 'alerts.caFile'),
    ...(username === '' ? {} : { auth: { user: username, pass: readSecret(passwordFile) } }),
  });
  try {
    const { rejected } = await transport.sendMail({
      ...{ from, to: [...to], messageId: `<${message.id}@trainyard>` },
      subject: `[Trainyard] ${oneLine(message.text).slice(0, SUBJECT_CHARACTERS_MAX)}`,
      text: mailText(message),
    });
    return rejected.length === 0 ? null : `refused for ${rejected.map(String).join(', ')}`;
  } finally {
    transport.close();
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ');

function mailText({ type, text, deployment, alerts, at }: AlertMessage): string {
  const lines = alerts.map(({ text: words, from, to }) => `- ${oneLine(words)} (${from} to ${to})`);
  const head = type === 'alerts.closed' ? 'No longer:' : 'What was found:';
  return [
    oneLine(text),
    '',
    ...(lines.length === 0 ? [] : [head, ...lines, '']),
    `Deployment ${oneLine(deployment.name)} (${deployment.id}), model ${deployment.modelId}, ${at}`,
  ].join('\n');
}
