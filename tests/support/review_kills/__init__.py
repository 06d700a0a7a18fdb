"""`kill -9` of a real server while answers are parked, people race to decide and callers retry; what became of them is audited.

Callers are the official clients, whole and in streams, and live through the restarts, as the sessions of people do. A moment is planted
without a hook in the server: its journal grows, votes are under way, a caller gets its answer, a provider writes its bill, a step of an
escalation falls due. The auditor reads only what callers got, what deciders were told, the provider's own ledger and the admin plane; that
it can fail is shown with forged evidence (forgeries.py).
"""
