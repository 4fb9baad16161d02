"""What may happen to a cluster. Each fault draws what it needs from the run's chance, does its harm
when it is called, and says what it did; Cluster.heal() undoes it."""

import json
import shutil

from disk import MEBI

DAY = 86400.0


def kill(cluster, chance):
    """kill -9. Half of them come back at once, the others when all is healed."""
    member = chance.choice(list(cluster))
    at_once = chance.random() < 0.5
    member.kill()
    if at_once:
        member.launch()
    return f"kill -9 {member.id}{', which starts again' if at_once else ''}"


def kill_most(cluster, chance):
    """kill -9 of a majority, or of all."""
    members = list(cluster)
    count = chance.randint(len(members) // 2 + 1, len(members))
    chosen = chance.sample(members, count)
    for member in chosen:
        member.kill()
    return f"kill -9 {', '.join(member.id for member in chosen)}"


def pause(cluster, chance):
    member = chance.choice(list(cluster))
    if not member.runs():
        return f"{member.id} does not run"
    member.pause()
    return f"SIGSTOP {member.id}"


def pause_leader(cluster, _):
    leader = cluster.find_leader()
    if leader is None or not leader.runs():
        return "nobody leads"
    leader.pause()
    return f"SIGSTOP {leader.id}, which leads"


def kill_leader(cluster, _):
    leader = cluster.find_leader()
    if leader is None:
        return "nobody leads"
    leader.kill()
    return f"kill -9 {leader.id}, which leads"


def fill_disk(cluster, chance):
    """No room at all, or a little."""
    member = chance.choice(list(cluster))
    leave = chance.choice([0, 6 * MEBI])
    if member.disk_is_full:
        return f"the disk of {member.id} is full already"
    member.fill_disk(leave)
    return f"{leave // MEBI} MiB are left on the disk of {member.id}"


def jump_clock(cluster, chance):
    member = chance.choice(list(cluster))
    seconds = chance.choice([-1, 1]) * chance.choice([0.1, 2.0, 3600.0, 400 * DAY])
    # Within three years of the truth, so that years of jumps do not add up.
    if abs(member.clock.seconds + seconds) > 1100 * DAY:
        seconds = -seconds
    member.clock.jump(seconds)
    return f"the clock of {member.id} jumps by {seconds:+.1f} s"


def split(cluster, chance):
    members = sorted(cluster.members)
    chance.shuffle(members)
    at = chance.randint(1, len(members) - 1)
    cluster.network.split(members[:at], members[at:])
    return f"split: {sorted(members[:at])} {sorted(members[at:])}"


def isolate_leader(cluster, _):
    leader = cluster.find_leader()
    if leader is None:
        return "nobody leads"
    cluster.network.isolate(leader.number)
    return f"isolated: {leader.id}, which leads"


def cut_one_way(cluster, chance):
    one, other = chance.sample(sorted(cluster.members), 2)
    cluster.network.cut(one, other)
    return f"cut: n{one} to n{other}"


def mute(cluster, chance):
    """It hears all, and none hears it."""
    member = chance.choice(sorted(cluster.members))
    for other in cluster.members:
        if other != member:
            cluster.network.cut(member, other)
    return f"mute: n{member}"


def deafen(cluster, chance):
    """All hear it, and it hears none."""
    member = chance.choice(sorted(cluster.members))
    for other in cluster.members:
        if other != member:
            cluster.network.cut(other, member)
    return f"deaf: n{member}"


def ring(cluster, chance):
    """Each reaches its neighbours only, and three are a chain: there are majorities that differ from
    member to member."""
    members = sorted(cluster.members)
    chance.shuffle(members)
    for i, one in enumerate(members):
        for j in range(i + 2, len(members)):
            if (i, j) != (0, len(members) - 1) or len(members) == 3:
                cluster.network.cut_both(one, members[j])
    return f"ring: {members}"


def slow_links(cluster, chance):
    """All links of one member, or all links there are."""
    delay, jitter = chance.choice([0.01, 0.05, 0.2]), chance.choice([0.0, 0.02, 0.1])
    return _worsen(cluster, chance, delay=delay, jitter=jitter)


def lossy_links(cluster, chance):
    loss = chance.choice([0.01, 0.05, 0.2])
    return _worsen(cluster, chance, delay=0.002, jitter=0.005, loss=loss, duplicate=0.02,
                   reorder=0.05)


def cut_silently(cluster, chance):
    """In one direction, without the sender noticing."""
    one, other = chance.sample(sorted(cluster.members), 2)
    cluster.network.shape(one, other, loss=1.0)
    return f"cut silently: n{one} to n{other}"


def _worsen(cluster, chance, **quality):
    victim = chance.choice([None, *sorted(cluster.members)])
    for one in cluster.members:
        for other in cluster.members:
            if one != other and victim in (None, one, other):
                cluster.network.shape(one, other, **quality)
    whose = "all" if victim is None else f"n{victim}'s"
    return f"{whose} links: {quality}"


def wipe(cluster, chance):
    """A member starts again without its data. One at a time: a majority has to have all."""
    if not cluster.has_all_its_voters():
        return "nobody is wiped: not all are voters"
    member = chance.choice(list(cluster))
    member.kill()
    shutil.rmtree(member.data)
    member.launch()
    return f"{member.id} starts again without its data"


def expel(cluster, chance):
    """A member that was killed is removed, and comes back with its data."""
    if not cluster.has_all_its_voters():
        return "nobody is removed: not all are voters"
    member, other = chance.sample(list(cluster), 2)
    member.kill()
    reply = other.ask("DELETE", "/remove", json.dumps({"id": member.id}), timeout=3)
    member.launch()
    return f"{member.id} is killed, removed ({reply and reply.status}), and comes back"


def step_down(cluster, chance):
    """Through any member, in favour of any or of whomever the leader chooses."""
    asked, named = chance.choice(list(cluster)), chance.choice(["", *cluster])
    # Only a body that says what it is is read.
    reply = asked.ask("POST", "/leader?wait", named and json.dumps({"id": named.id}), timeout=3,
                      headers={"Content-Type": "application/json"})
    whom = f" in favour of {named.id}" if named else ""
    return f"step-down through {asked.id}{whom}: {reply and reply.status}"


OF_A_PROCESS = [kill, kill_most, pause]
OF_A_DISK = [fill_disk]
OF_A_CLOCK = [jump_clock]
OF_A_LEADER = [kill_leader, pause_leader]
OF_THE_MEMBERS = [wipe, expel, step_down]
OF_A_NETWORK = [split, isolate_leader, cut_one_way, mute, deafen, ring]
OF_A_WIRE = [slow_links, lossy_links, cut_silently]
