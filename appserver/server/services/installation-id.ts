import { newId } from '#runtime';
import { lockInstallation, recallFact, recordFact, type Database } from '#store';

/** What tells this installation from all others that share a cluster with it; the same for all its app servers, for ever. */
export async function installationIdOf(database: Database): Promise<string> {
  return database.transaction(async (trx) => {
    await lockInstallation(trx);
    const known = await recallFact(trx, 'installation-id');
    if (known !== null) return known;
    const made = newId('i');
    await recordFact(trx, 'installation-id', made);
    return made;
  });
}
