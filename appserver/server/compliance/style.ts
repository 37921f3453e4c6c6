/** The style of a report: dark text on white, of fonts that are there, readable on a screen and on A4 or letter paper. */
export const STYLE = `
:root{color-scheme:light}
*{box-sizing:border-box}
body{margin:0 auto;padding:2rem 1.5rem 4rem;max-width:60rem;background:#fff;color:#1c2430;font:15px/1.5 system-ui,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
header{border-bottom:3px solid #1f4e79;margin-bottom:1.5rem;padding-bottom:1rem}
h1{font-size:1.7rem;line-height:1.25;margin:0 0 .3rem}
h2{font-size:1.25rem;color:#1f4e79;border-bottom:1px solid #c8d3df;padding-bottom:.2rem;margin:2.4rem 0 .8rem}
h3{font-size:1.02rem;margin:1.5rem 0 .4rem}
p{margin:.5rem 0;max-width:48rem}
ul{margin:.5rem 0;padding-left:1.3rem;max-width:48rem}
li{margin:.25rem 0}
a{color:#1f4e79}
bdi{overflow-wrap:anywhere}
code{font:.86em ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
table{border-collapse:collapse;margin:.7rem 0;min-width:24rem;max-width:100%;font-size:.87rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3rem 0;color:#46566b}
th,td{text-align:left;vertical-align:top;padding:.28rem 1.1rem .28rem 0;border-bottom:1px solid #e2e8ef}
thead th{border-bottom:2px solid #9fb1c5;font-weight:600}
.number{text-align:right}
td:first-child:not(.number){min-width:9rem}
.facts th{width:15rem;font-weight:600;color:#46566b}
.note{border-left:4px solid #c88a12;background:#fdf7ea;padding:.4rem .8rem}
.status{color:#46566b;margin:.2rem 0}
.key{display:flex;flex-wrap:wrap;gap:.7rem;margin:1rem 0}
.key div{border:1px solid #c8d3df;border-radius:4px;padding:.5rem .9rem;min-width:9rem}
.key b{display:block;font-size:1.15rem}
.key span{font-size:.8rem;color:#46566b}
nav ol{columns:2;max-width:44rem;padding-left:1.4rem;margin:.4rem 0}
figure{margin:.8rem 0;max-width:32rem}
figcaption{font-size:.85rem;color:#46566b}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:0 1.2rem}
svg{display:block;width:100%;height:auto}
svg text{font:11px system-ui,"Segoe UI",Roboto,Arial,sans-serif;fill:#1c2430}
.axis{stroke:#6b7c90;stroke-width:1;fill:none}
.grid{stroke:#e2e8ef;stroke-width:1;fill:none}
.line-0{stroke:#1f6fb2;stroke-width:1.8;fill:none}
.line-1{stroke:#c8641b;stroke-width:1.8;fill:none;stroke-dasharray:6 3}
.line-2{stroke:#3d8b5f;stroke-width:1.8;fill:none;stroke-dasharray:2 3}
.dot-0{fill:#1f6fb2}
.dot-1{fill:#c8641b}
.dot-2{fill:#3d8b5f}
.diagonal{stroke:#9fb1c5;stroke-width:1;stroke-dasharray:4 4;fill:none}
.bar{fill:#5b93c4}
.bar-negative{fill:#c98a5b}
.error{stroke:#1c2430;stroke-width:1.2;fill:none}
footer{margin-top:3rem;border-top:1px solid #c8d3df;padding-top:.6rem;font-size:.8rem;color:#46566b}
@media print{@page{margin:16mm 14mm}html{font-size:12.5px}body{font-size:9.5pt;padding:0;max-width:none}h2{break-after:avoid}h3,caption{break-after:avoid}
figure,.key,tr{break-inside:avoid}thead{display:table-header-group}a{color:inherit;text-decoration:none}
table,.note,svg,.key div{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
`;
