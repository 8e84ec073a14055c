// The report's style sheet. It stands in the page under its own hash, so nothing else can style or load anything.

import { seriesColours } from "./svg.ts";

const light = seriesColours;
const dark = ["#4aa8e0", "#f08a4b", "#3fc79a", "#e29ac3", "#8fd0f5", "#f3c04e", "#a9a9a9", "#cfa060"];

function series(colours: string[]): string {
  return colours.map((value, i) => `.s${i}.fill{fill:${value}}.s${i}.stroke{stroke:${value}}`).join("");
}

export const styleSheet = `
:root{color-scheme:light dark;--paper:#fff;--ink:#1f2630;--soft:#5b6573;--line:#dfe3e8;--panel:#f6f7f9;--accent:#0b5cad;--good:#0a7a50;--bad:#b3261e;--warn:#8a5a00;--warnbg:#fff6e0;--goodbg:#e8f6ef}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.65 system-ui,-apple-system,"Segoe UI","PingFang SC","Hiragino Sans GB","Microsoft YaHei","Noto Sans CJK SC","WenQuanYi Zen Hei",sans-serif;-webkit-text-size-adjust:100%}
main,header,footer{max-width:960px;margin:0 auto;padding:0 24px}
header{padding-top:44px;padding-bottom:20px;border-bottom:1px solid var(--line)}
h1{font-size:30px;line-height:1.25;margin:0;letter-spacing:-.01em}
header p{margin:8px 0 0;color:var(--soft)}
h2{font-size:20px;margin:40px 0 12px;line-height:1.35}
section{break-inside:avoid-page}
section.long{break-inside:auto}
p{margin:0 0 12px;overflow-wrap:anywhere}
.note{color:var(--soft);font-size:14px;margin:8px 0 0}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(190px,1fr));gap:14px;margin:28px 0 8px}
.figure{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:14px 18px}
.figure b{display:block;font-size:28px;line-height:1.3;font-weight:650;font-variant-numeric:tabular-nums}
.figure span{color:var(--soft);font-size:14px}
.figure i{display:block;font-style:normal;color:var(--soft);font-size:13px;font-variant-numeric:tabular-nums}
.callout{border-left:4px solid var(--accent);background:var(--panel);border-radius:0 8px 8px 0;padding:12px 18px;margin:24px 0}
.callout h2{margin:0 0 4px;font-size:17px}.callout p:last-child{margin:0}
.callout.warning{border-color:var(--warn);background:var(--warnbg)}.callout.good{border-color:var(--good);background:var(--goodbg)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:15px}
th,td{padding:7px 12px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-size:13px;color:var(--soft);font-weight:600;border-bottom:2px solid var(--line);white-space:nowrap}
td{overflow-wrap:anywhere;min-width:64px}td:first-child{min-width:120px}
.r{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tbody tr:hover{background:var(--panel)}
dl{display:grid;grid-template-columns:minmax(120px,auto) 1fr;gap:6px 20px;margin:0;font-size:15px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
.chart svg{display:block;width:100%;height:auto;max-width:760px;margin:0 auto}
.chart details{font-size:14px;margin-top:4px}
summary{cursor:pointer;color:var(--soft)}
.sample{border:1px solid var(--line);border-radius:10px;margin:12px 0;break-inside:avoid}
.sample>summary{list-style:none;padding:12px 16px;color:var(--ink);display:flex;gap:12px;align-items:baseline}
.sample>summary::-webkit-details-marker{display:none}
.sample[open]>summary{border-bottom:1px solid var(--line)}
.sample .q{flex:1;min-width:0;overflow:hidden;text-overflow:ellipsis;display:-webkit-box;-webkit-line-clamp:2;-webkit-box-orient:vertical;overflow-wrap:anywhere}
.tag{font-size:12px;color:var(--soft);border:1px solid var(--line);border-radius:99px;padding:1px 9px;white-space:nowrap;flex:none}
.verdict{font-size:13px;white-space:nowrap;font-variant-numeric:tabular-nums;color:var(--soft)}
.yes{color:var(--good)}.no{color:var(--bad)}
.sample .body{padding:4px 16px 14px}
.sample h3{font-size:13px;color:var(--soft);font-weight:600;margin:12px 0 3px}
.text{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font-size:15px}
.answers{margin-top:14px;display:grid;grid-template-columns:repeat(auto-fit,minmax(260px,1fr));gap:14px}
.answers>div{background:var(--panel);border-radius:8px;padding:2px 14px 12px}
footer{margin-top:48px;padding-top:14px;padding-bottom:36px;color:var(--soft);font-size:13px;border-top:1px solid var(--line)}
.ink{fill:var(--ink)}.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.whisker{stroke:var(--ink)}.hollow{fill:var(--paper)}
${series(light)}
@media (prefers-color-scheme:dark){:root{--paper:#14181d;--ink:#e7eaee;--soft:#a0a9b5;--line:#313841;--panel:#1c2229;--accent:#6bb2f5;--good:#4fce9a;--bad:#ff8a80;--warn:#f0b849;--warnbg:#2b2413;--goodbg:#12291f}${series(dark)}}
@media print{:root{color-scheme:light;--paper:#fff;--ink:#000;--soft:#444;--line:#bbb;--panel:#fff;--warnbg:#fff;--goodbg:#fff}body{font-size:11pt}main,header,footer{max-width:none;padding-left:0;padding-right:0}h2{break-after:avoid}tr{break-inside:avoid}.scroll{overflow:visible}${series(light)}}
`.trim();
