"""Faults to inject with ``sim.faults.add(...)``.

=================== ===============================================================================
applies to          faults ===================
=============================================================================== a request
``ErrorStatus``, ``RateLimited``, ``TransientForbidden``, ``HtmlResponse``, ``InvalidJson``,
``TruncatedBody``, ``SlowBody``, ``MissingRows``, ``RequestLost``, ``ResponseLost``,
``ConnectionReset``, ``NoResponse``, ``HeldRequest``, ``TokenRevoked``, ``NotFoundAfterWrite``,
``ConcurrentAction`` a submitted action  ``ActionErrors``, ``ActionStuck``, ``ActionDisappears``,
``RegionsLag`` ===================
===============================================================================

By default a fault applies once, to the next match; see ``RequestFault``, ``ActionFault`` and
``Fault`` for the parameters. ``HeldRequest``, ``SlowBody``, ``TruncatedBody``, ``InvalidJson``,
``MissingRows``, ``NotFoundAfterWrite`` and ``ConcurrentAction`` pass the request on to the next
matching fault, so they can be combined. The others end the request.
"""
