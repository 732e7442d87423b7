// Makes uPlot smaller: what no chart of the console does is taken out, then esbuild drops the code that nothing reaches.
//
// The charts are lines over numbers, without cursor, legend, zoom, time axis, bands, labels and logarithms. A version of
// uPlot in which a name or a condition below is not found fails here.

/** Functions that no chart calls. */
const UNUSED = [
  ...['findColWidth', 'nullExpand', 'updateCursor', 'initLegendRow', 'onMouse', 'mouseMove', 'mouseDown', 'mouseUp', 'mouseLeave'],
  ...['dblClick', 'setLegend', 'setLegendValues', 'setSelect', 'setFocus', 'addBand', 'setBand', 'delBand', 'delSeries', 'addSeries'],
  ...['posToVal', 'closestIdxFromXpos', 'toggleDOM', 'setSeries', 'setAlpha', 'hideSelect', 'initCursorPt', 'cacheMouse', 'syncLegend'],
  ...['offMouse', 'batch', 'flushHooks', 'pub', 'pubSync', 'setSelH', 'setSelV', 'syncRect', 'fire', 'numSeriesVal', 'numAxisVals'],
  ...['seriesPointsShow', 'invalidateRects', 'timeSeriesVal', 'timeSeriesStamp', 'timeAxisVals', 'timeAxisStamps', 'elTrans'],
];

/** Functions of which the charts need only this much. */
const REDUCED = {
  genTimeStuffs: 'return [[], [], () => {}];',
  fillStroke: 'strokeFill(strokeStyle, lineWidth, lineDash, lineCap, fillStyle, strokePath, fillPath, flags, boundsClip, gapsClip);',
  initValToPct: 'return (val) => (val - sc._min) / (sc._max - sc._min);',
  strokeFill: `
    setCtxStyle(strokeStyle, lineWidth, lineDash, lineCap, fillStyle);
    ctx.save();
    boundsClip && ctx.clip(boundsClip);
    gapsClip && ctx.clip(gapsClip);
    doFill(fillStyle, fillPath);
    doStroke(strokeStyle, strokePath, lineWidth);
    ctx.restore();
  `,
  doStroke: 'lineWidth > 0 && strokePath != null && strokeStyle && ctx.stroke(strokePath);',
  doFill: 'fillPath != null && fillStyle && ctx.fill(fillPath);',
  pxRoundGen: 'return round;',
  rect: 'return (p, x, y, w, h) => p.rect(x, y, w, h);',
  bandFillClipDirs: 'return [0, 0];',
  seriesFillTo: 'return 0;',
};

/** What a chart offers, and nobody asks of it. */
const METHODS = ['valToIdx', 'valToPos', 'setCursor', 'redraw'];

/** Variables that have the same value in every chart. */
const CONSTANT = {
  showLegend: false,
  showCursor: false,
  cursorFocus: false,
  cursorOnePt: false,
  multiValLegend: false,
  decimate: false,
  isTime: false,
  rangeIsArr: false,
  deferHooks: false,
  shouldAlpha: false,
  xScaleDistr: 1,
  angle: 0,
};

/** Variables of which the charts need only this much. */
const DECLARED = {
  months: '[]',
  days: '[]',
  select: '{}',
  setSelX: '0',
  setSelY: '0',
  legend: '{ markers: {} }',
  cursor: '{ drag: {}, points: {} }',
  syncOpts: '{ match: [] }',
  sync: '{ sub() {}, unsub() {} }',
  hooks: '{}',
  focus: '{}',
  drag: '{}',
  events: '{}',
  _tzDate: '0',
  _fmtDate: '0',
  _timeAxisSplits: '0',
  _timeAxisVals: '0',
  _timeSeriesVal: '0',
  seriesIdxMatcher: '0',
};

/** Conditions that have the same value in every chart. */
const ALWAYS = [
  [/\bmode == 1\b/, true],
  [/\bmode == 2\b/, false],
  [/\b(scaleX|sx)\.ori == 0/, true],
  [/\b(\w+\.distr|distr) +?(==|>=) +(2|3|4|100)\b/, false],
  [/\b(scaleX|sc)\.time\b/, false],
  [/\b(select|legend|border|ticks)\.show\b/, false],
  [/\blegend\.live\b/, false],
  [/\bband(Clip|Fill)Dir != 0/, false],
  [/\bseries\.fill != null/, false],
  [/\baxis\.label != null/, false],
  [/\b(wsc|sc|scaleOpts)\.from != null/, false],
  [/\b(wsc|sc)\.from == null/, true],
  [/\bctxAlpha != (s\.alpha|_ctxAlpha)/, false],
  [/\bcursor\.dataIdx == null/, false],
  [/\bisObj\(rn\)/, false],
  [/\bopts\.title\b(?=\))/, false],
  [/\bopts\.id != null/, false],
];

/** Replaces what a pattern finds; it must find something. */
const replaced = (source, pattern, put) => {
  const everywhere = new RegExp(pattern, 'gm');
  if (source.search(everywhere) < 0) throw new Error(`uPlot has no ${pattern}`);
  return source.replace(everywhere, put);
};

/** The end of a declaration that begins at `from`: its semicolon, outside of brackets. */
const endOf = (source, from) => {
  let depth = 0;
  for (let at = from; at < source.length; at += 1) {
    if ('([{'.includes(source[at])) depth += 1;
    if (')]}'.includes(source[at])) depth -= 1;
    if (source[at] === ';' && depth === 0) return at;
  }
  throw new Error('uPlot has a declaration without an end');
};

/** Replaces what initializes the variables of a name. */
const declared = (source, name, value) => {
  const pattern = new RegExp(`\\b(?:const|let)\\s+${name}\\s*=`, 'g');
  if (!pattern.test(source)) throw new Error(`uPlot has no variable ${name}`);
  pattern.lastIndex = 0;
  for (let found = pattern.exec(source); found; found = pattern.exec(source))
    source = `${source.slice(0, found.index)}let ${name} = ${value}${source.slice(endOf(source, found.index))}`;
  return source;
};

/** Removes a statement. */
const dropped = (source, begin) => {
  const from = source.indexOf(begin);
  if (from < 0) throw new Error(`uPlot has no ${begin}`);
  return source.slice(0, from) + source.slice(endOf(source, from) + 1);
};

/** Puts a value in the place of a variable. */
const constant = (source, name, value) => declared(source, name, value).replace(new RegExp(`(?<![.\\w'"])${name}\\b(?! = |[\\w'":])`, 'g'), value);

/** Gives a function another body. */
const reduced = (source, name, body) => {
  const pattern = new RegExp(`^(\\t*)((?:function ${name}|const ${name} = function)\\([^\\n]*\\{)\\n[^]*?\\n\\1\\}`, 'm');
  if (!pattern.test(source)) throw new Error(`uPlot has no function ${name}`);
  return source.replace(pattern, `$1$2${body}}`);
};

export const lighter = (source) => {
  for (const name of UNUSED) source = reduced(source, name, '').replace(`self.${name} = ${name};`, '');
  for (const [name, body] of Object.entries(REDUCED)) source = reduced(source, name, body);
  for (const [name, value] of Object.entries(DECLARED)) source = declared(source, name, value);
  for (const [name, value] of Object.entries(CONSTANT)) source = constant(source, name, value);
  for (const [pattern, value] of ALWAYS) source = replaced(source, pattern, value);
  // Nothing outside of it uses the library's parts.
  for (const name of METHODS) source = dropped(source, `self.${name} =`);
  return replaced(source, /^uPlot\.(?!prototype)[^]*?(?=^export )/, '');
};
