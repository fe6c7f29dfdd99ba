package main

import "gateway/cmd/gateway/internal/explorer"

// buildExplorer makes what shows the topic tree on the page.
func (g *gateway) buildExplorer() {
	g.explorer = explorer.New(g.broker, g.log.With("part", "explorer"))
	g.explorer.Mount(g.dashboard.Handle, g.dashboard.AddFeed)
}
