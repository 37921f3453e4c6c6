import { expect } from 'chai';
import { parseXml, XmlError } from '../../../../hdfs-adapter/auth/xml.ts';

describe('XML of configuration files', () => {
  it('reads elements, attributes, text, entities, CDATA, comments and instructions', () => {
    const root = parseXml(`\uFEFF<?xml version="1.0"?>
      <?xml-stylesheet href="configuration.xsl"?>
      <!-- a > b -->
      <a x="1" y='&quot;2&#x41;&#66;'><b>t&lt;&amp;<![CDATA[<&>]]><!-- no -->u</b><c/><x:d xmlns:x="u"></x:d></a>
      <!-- end -->`);
    expect(root.name).to.equal('a');
    expect([...root.attributes]).to.deep.equal([
      ['x', '1'],
      ['y', '"2AB'],
    ]);
    expect(root.children.map(({ name }) => name)).to.deep.equal(['b', 'c', 'd']);
    expect(root.children[0]?.text).to.equal('t<&<&>u');
  });

  it('says in which line a document is broken', () => {
    const broken: readonly [string, number, RegExp][] = [
      ['', 1, /one root/],
      ['<a/><b/>', 1, /one root/],
      ['<a/>text', 1, /one root/],
      ['<a>\n<b></a>', 2, /<\/a> closes nothing/],
      ['<a>\n', 2, /<a> is not closed/],
      ['</a>', 1, /closes nothing/],
      ['<a>\n\n<b c=1/></a>', 3, /expected a tag/],
      ['<a>&nbsp;</a>', 1, /&nbsp; is no entity/],
      ['<a>b & c</a>', 1, /no entity/],
      ['<a>&#x110000;</a>', 1, /no entity/],
      ['<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<a>&x;</a>', 1, /document type is not allowed/],
      ['<a>'.repeat(21) + '</a>'.repeat(21), 1, /deeper than 20/],
    ];
    for (const [text, line, message] of broken) {
      try {
        parseXml(text);
        expect.fail(`accepted ${text}`);
      } catch (err) {
        if (!(err instanceof XmlError)) throw err;
        expect(err.message).to.match(message);
        expect(err.line, text).to.equal(line);
      }
    }
  });
});
