// The looks of a line. No two of twelve have the same colour and the same
// dashes, so that who tells few colours apart, or prints in grey, goes by the
// dashes.

const colours = 6; // of ui/chart.css, one set for light and one for dark
const dashes = [[], [9, 3], [3, 3], [12, 3, 3, 3]];

/** The dashes of the line at a place in the view, px. */
export const dashOf = (place) => dashes[place % dashes.length];

/** The CSS variable with the colour of the line at a place in the view. */
export const colourOf = (place) => `--line-${place % colours}`;
