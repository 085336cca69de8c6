/** Line charts as SVG text: panels below each other, each with axes, curves and their names. */

export interface Axis {
  readonly label: string
  readonly from: number
  readonly to: number
  readonly ticks: readonly number[]
  readonly scale: 'linear' | 'log'
  /** What stands at a tick. */
  readonly text: (tick: number) => string
}

export interface Curve {
  readonly name: string
  readonly colour: string
  readonly points: readonly (readonly [x: number, y: number])[]
}

export interface Panel {
  readonly x: Axis
  readonly y: Axis
  readonly curves: readonly Curve[]
}

const WIDTH = 760
const PANEL_HEIGHT = 340
const FRAME = { left: 64, top: 20, width: 480, height: 260 }
const LEGEND_X = FRAME.left + FRAME.width + 16
const LINE_HEIGHT = 22

/** The whole picture; its title is for those who cannot see it. */
export function chart(title: string, panels: readonly Panel[]): string {
  const height = PANEL_HEIGHT * panels.length
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="12">`,
    `  <title>${title}</title>`,
    `  <rect width="${WIDTH}" height="${height}" fill="white"/>`,
    ...panels.flatMap((panel, number) => [
      `  <g transform="translate(0 ${number * PANEL_HEIGHT})">`,
      ...drawn(panel).map((line) => `    ${line}`),
      '  </g>',
    ]),
    '</svg>',
    '',
  ].join('\n')
}

function drawn({ x, y, curves }: Panel): string[] {
  const bottom = FRAME.top + FRAME.height
  const right = FRAME.left + FRAME.width
  const atX = (value: number) => place(FRAME.left + FRAME.width * part(x, value))
  const atY = (value: number) => place(bottom - FRAME.height * part(y, value))
  return [
    ...x.ticks.flatMap((tick) => [
      `<path d="M${atX(tick)} ${FRAME.top}V${bottom}" stroke="#e4e2dc"/>`,
      `<text x="${atX(tick)}" y="${bottom + 18}" text-anchor="middle">${x.text(tick)}</text>`,
    ]),
    ...y.ticks.flatMap((tick) => [
      `<path d="M${FRAME.left} ${atY(tick)}H${right}" stroke="#e4e2dc"/>`,
      `<text x="${FRAME.left - 8}" y="${atY(tick)}" dy="4" text-anchor="end">${y.text(tick)}</text>`,
    ]),
    `<path d="M${FRAME.left} ${FRAME.top}V${bottom}H${right}" stroke="#3b3a36" fill="none"/>`,
    `<text x="${FRAME.left + FRAME.width / 2}" y="${bottom + 40}" text-anchor="middle">${x.label}</text>`,
    `<text x="16" y="${FRAME.top + FRAME.height / 2}" text-anchor="middle" transform="rotate(-90 16 ${FRAME.top + FRAME.height / 2})">${y.label}</text>`,
    ...curves.flatMap(({ name, colour, points }, number) => {
      const way = points.map(([a, b]) => `${atX(a)},${atY(b)}`).join(' ')
      const legendY = FRAME.top + 12 + number * LINE_HEIGHT
      return [
        `<polyline points="${way}" fill="none" stroke="${colour}" stroke-width="2"/>`,
        `<path d="M${LEGEND_X} ${legendY}h20" stroke="${colour}" stroke-width="3"/>`,
        `<text x="${LEGEND_X + 26}" y="${legendY}" dy="4">${name}</text>`,
      ]
    }),
  ]
}

/** Where on its axis a value lies, from 0 to 1. */
function part({ from, to, scale }: Axis, value: number): number {
  return scale === 'log' ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from)
}

/** A coordinate to a tenth of a unit. */
function place(coordinate: number): string {
  return coordinate.toFixed(1)
}
