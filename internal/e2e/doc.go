// Package e2e proves the program from outside: its tests build the binary, run
// it as a process, post what real Alertmanagers sent, kill what can be killed,
// and read everything back through HTTP and SQL. It knows the contract and
// nothing of the packages inside.
//
// Environment: ROUNDS is the number of kills in each crash test (25 unless set),
// SEED repeats the random choices of a run, RACE=1 builds the binary with the
// race detector, BINARY names one that is built already. AMTOOL is a version of
// amtool to build and try beside the machine's.
package e2e
