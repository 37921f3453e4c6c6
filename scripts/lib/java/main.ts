import { buildApplicationMaster } from './application-master.ts';

const { jar, clientJars } = await buildApplicationMaster();
console.log([jar, ...clientJars].join('\n'));
