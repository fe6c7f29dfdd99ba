// Package system is what the page System asks for: who is connected to the broker
// and why others went, how the machine is, what the log says, and a bundle of all
// that for who is to help.
//
//	GET    /api/v1/clients         the broker, its listeners and a part of its clients
//	GET    /api/v1/clients/{id}    one client with its subscriptions
//	DELETE /api/v1/clients/{id}    disconnect it; ?forget=true ends its session, too
//	GET    /api/v1/disconnections  how the last connections ended, and who was refused
//	GET    /api/v1/logs            the newest lines of the log
//	GET    /api/v1/system          the machine, the disk, the clock, this process
//	GET    /api/v1/support         a zip of everything, without secrets
//
// A client id may be anything, also "..", which no path can hold: ?id= says it as
// well, on /api/v1/clients.
//
// It asks the parts when somebody asks it, and keeps nothing.
package system
