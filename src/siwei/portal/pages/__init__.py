"""Views, one module per subject. Each takes the actor, calls `queries`, renders; none decides anything."""
