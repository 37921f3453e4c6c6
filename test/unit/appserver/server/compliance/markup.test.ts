import { expect } from 'chai';
import { escaped, markup, named, names } from '../../../../../appserver/server/compliance/markup.ts';

describe('markup of a report', () => {
  it('escapes every text that is put into it, and nothing that is markup already', () => {
    const inner = markup`<b>${'<script>"&\''}</b>`;
    expect(markup`<i title="${'"><x'}">${inner}</i>`.html).to.equal(
      '<i title="&quot;&gt;&lt;x"><b>&lt;script&gt;&quot;&amp;&#39;</b></i>',
    );
  });

  it('keeps letters of every script and takes what would break or turn a page', () => {
    expect(escaped('Zoë 東京 🚆 עִבְרִית \t\n')).to.equal('Zoë 東京 🚆 עִבְרִית \t\n');
    for (const unsafe of ['\0', '\u001b', '\u007f', '\u0085', '\u202e', '\u2066', '\ufffe', '\ud800', '\udfff'])
      expect(escaped(`a${unsafe}b`), JSON.stringify(unsafe)).to.equal('a\ufffdb');
  });

  it('cuts long names between characters and says how long they are', () => {
    expect(named('🚆'.repeat(100), 3).html).to.equal('<bdi>🚆🚆🚆</bdi><i>… (200 characters)</i>');
    expect(named('abc', 3).html).to.equal('<bdi>abc</bdi>');
    expect(named('').html).to.equal('<bdi>(empty)</bdi>');
  });

  it('names the first of many and counts the rest', () => {
    expect(names(['a', 'b', 'c'], 2).html).to.equal('<bdi>a</bdi>, <bdi>b</bdi> and 1 more');
    expect(names(['a'], 2).html).to.equal('<bdi>a</bdi>');
  });
});
