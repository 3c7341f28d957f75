tallyd plugins info probe
tallyd plugins info asker
