// Package obs is what the program says about itself: the metrics of the
// contract, and the logger. It knows no alerts; everybody may import it.
package obs
