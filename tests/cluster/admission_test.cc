#include "cluster/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <string>
#include <vector>

#include "cluster/members_service_fixture.h"

namespace rqlite::cluster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// A new node joins.

TEST_F(MembersServiceTest, ANewNodeBecomesALearnerAndAVoterWhenItHasCaughtUp) {
  const LiveNode node(kNew);
  look();
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), ElementsAre("learner 9 nine " + node.address()));
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_EQ(counters_.joins, 0U);

  group_.match(kNew, 9);  // of the ten that were committed at the last look
  look();
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), IsEmpty());
  group_.commit(20);
  group_.match(kNew, 10);  // there is always more by now
  look();
  EXPECT_THAT(told(), ElementsAre("voter 9 nine " + node.address()));
  EXPECT_EQ(counters_.joins, 1U);
  EXPECT_EQ(join(request(node.address())), "member");
  EXPECT_EQ(counters_.ignored_joins, 0U);  // it was told to ask again
  EXPECT_EQ(join(request(node.address())), "member");
  EXPECT_EQ(counters_.ignored_joins, 1U);
}

TEST_F(MembersServiceTest, ANodeThatOnlyReadsStaysALearner) {
  const LiveNode node(kNew);
  EXPECT_EQ(join(request(node.address(), false)), "catching up");
  EXPECT_THAT(told(), ElementsAre("learner 9 nine " + node.address() + " reads"));
  EXPECT_EQ(counters_.joins, 1U);
  look();
  EXPECT_EQ(join(request(node.address(), false)), "catching up");
  group_.match(kNew, 10);
  look();
  EXPECT_EQ(join(request(node.address(), false)), "member");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.joins, 1U);
}

TEST_F(MembersServiceTest, OnlyTheLeaderLetsNodesIn) {
  group_.lead(kThird);
  EXPECT_EQ(join(request(kNowhere)), "not leader: 127.0.0.1:3");
  group_.lead(kNobody);
  EXPECT_EQ(join(request(kNowhere)), "not leader: ");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ANodeMustAnswerWhereItSaysItIs) {
  EXPECT_THAT(join(request("127.0.0.1:4")),
              StartsWith("refused: node at 127.0.0.1:4 cannot be reached: "));
  EXPECT_THAT(join(request("no.such.host.invalid:4")),
              StartsWith("refused: failed to resolve no.such.host.invalid:4: lookup "));
  const LiveNode another(kThird);
  EXPECT_EQ(join(request(another.address())),
            "refused: another node answers at " + another.address());
  const PeerStandIn strange([](const PeerStandIn::Asked&, const auto& reply) {
    reply->send(net::Response::text(200, "hello"));
  });
  EXPECT_EQ(join(request(strange.address())),
            "refused: node at " + strange.address() + " does not say who it is");
  const PeerStandIn closed([](const PeerStandIn::Asked&, const auto& reply) {
    reply->send({503, net::kTextType, {}, encode(NodeIdentity{kNew, "nine"})});
  });
  EXPECT_EQ(join(request(closed.address())),
            "refused: node at " + closed.address() + " does not say who it is");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ANodeThatTakesTooLongToAnswerIsRefused) {
  const PeerStandIn silent;
  options_.connect_timeout = 1ms;
  EXPECT_THAT(join(request(silent.address())),
              StartsWith("refused: node at " + silent.address() + " cannot be reached: "));
}

TEST_F(MembersServiceTest, NobodyWaitsForANodeThatDoesNotSayWhoItIs) {
  const PeerStandIn silent;
  group_.match(kThird, 10);
  std::future<std::string> joined = ask_to_join(request(silent.address()));
  EXPECT_EQ(hand_over("two"), "ok");
  EXPECT_EQ(remove("three"), "not leader: not leader");
  client_.close();
  EXPECT_EQ(joined.get(), std::string("not leader: ") + kNowhere);
}

TEST_F(MembersServiceTest, WhoAnswersWhenAllIsOverIsRefused) {
  PeerStandIn node;
  std::future<std::string> joined = ask_to_join(request(node.address()));
  node.wait_until_asked(1);
  service_.reset();
  client_.close();
  EXPECT_EQ(joined.get(), "refused: shutting down");
}

TEST_F(MembersServiceTest, SoManyNodesAtATimeAreAskedWhoTheyAre) {
  const PeerStandIn silent;
  std::vector<std::future<std::string>> joins;
  for (int i = 0; i < 32; i++) joins.push_back(ask_to_join(request(silent.address())));
  EXPECT_EQ(join(request(silent.address())),
            "refused: too many nodes want to join at the same time");
  client_.close();
  for (auto& each : joins) EXPECT_THAT(each.get(), StartsWith("refused: node at "));
}

// Whose place it takes.

TEST_F(MembersServiceTest, ANodeWithTheNameOfADeadOneTakesItsPlace) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 two " + node.address()));
  EXPECT_EQ(counters_.removed_before_joins, 1U);
}

TEST_F(MembersServiceTest, NobodyIsRemovedForANodeThatHasGivenUp) {
  PeerStandIn silent;
  options_.connect_timeout = 20ms;
  group_.add(kSecond, "two", silent.address());
  // It is asked last, when somebody else has its address.
  std::size_t asked_before = 0;
  PeerStandIn node([&](const PeerStandIn::Asked&, const auto& reply) {
    asked_before = silent.asked().size();
    reply->send({200, net::kTextType, {}, encode(NodeIdentity{kThird, "whatever"})});
  });
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "refused: another node answers at " + node.address());
  EXPECT_EQ(asked_before, 1U);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.removed_before_joins, 0U);
}

TEST_F(MembersServiceTest, ANodeWithTheNameOfALiveOneIsRefused) {
  const LiveNode node(kNew);
  const LiveNode live(kSecond);
  group_.add(kSecond, "two", live.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "refused: node ID two is in use by a live node at " + live.address());
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, WhereSomebodyElseAnswersByNowTheOldOneIsDead) {
  const LiveNode node(kNew);
  const LiveNode stranger(kThird);
  group_.add(kSecond, "two", stranger.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 two " + node.address()));
}

TEST_F(MembersServiceTest, ANodeAtTheAddressOfAnotherOneTakesItsPlaceWhateverItIsCalled) {
  LiveNode node(kNew);
  group_.add(kSecond, "two", node.address());
  EXPECT_EQ(join(request(node.address())), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "learner 9 nine " + node.address()));
  EXPECT_EQ(node.asked(), 1U);  // who is there now is known
}

TEST_F(MembersServiceTest, ANodeMayTakeThePlaceOfTwo) {
  const LiveNode node(kNew);
  group_.add(kThird, "three", node.address());
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  EXPECT_EQ(join(wish), "catching up");
  EXPECT_THAT(told(), ElementsAre("remove 2", "remove 3", "learner 9 two " + node.address()));
  EXPECT_EQ(counters_.removed_before_joins, 2U);
}

TEST_F(MembersServiceTest, NobodyTakesTheLeadersPlace) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "one";
  EXPECT_EQ(join(wish), "refused: node ID one or address " + node.address() + " is the leader's");
  group_.add(kSelf, "one", node.address());
  EXPECT_EQ(join(request(node.address())),
            "refused: node ID nine or address " + node.address() + " is the leader's");
  EXPECT_THAT(told(), IsEmpty());
}

// A node that is a member asks again.

TEST_F(MembersServiceTest, AMemberIsToldThatItIsOne) {
  EXPECT_EQ(join({{kSecond, "two"}, kNowhere, true, "mine"}), "member");
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.ignored_joins, 1U);
}

TEST_F(MembersServiceTest, ALearnerThatIsToVoteIsToldToWait) {
  group_.add(kSecond, "two", kNowhere, false);
  EXPECT_EQ(join({{kSecond, "two"}, kNowhere, true, "mine"}), "catching up");
  EXPECT_EQ(counters_.ignored_joins, 0U);
}

TEST_F(MembersServiceTest, AMemberThatHasMovedKeepsWhatItIs) {
  const LiveNode second(kSecond);
  EXPECT_EQ(join({{kSecond, "two"}, second.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 two " + second.address()));
  const LiveNode third(kThird);
  group_.add(kThird, "three", kNowhere, false, false);
  EXPECT_EQ(join({{kThird, "three"}, third.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("learner 3 three " + third.address() + " reads"));
  EXPECT_EQ(counters_.joins, 2U);
  EXPECT_EQ(counters_.removed_before_joins, 2U);
}

TEST_F(MembersServiceTest, AMemberMayHaveAnotherName) {
  const LiveNode second(kSecond);
  group_.add(kSecond, "two", second.address());
  EXPECT_EQ(join({{kSecond, "deux"}, second.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 deux " + second.address()));
}

TEST_F(MembersServiceTest, AMemberDoesNotTakeTheNameOfAnother) {
  const LiveNode second(kSecond);
  EXPECT_EQ(join({{kSecond, "three"}, second.address(), true, "mine"}),
            "refused: node ID three is in use by another node");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AMemberMustAnswerWhereItHasMovedTo) {
  EXPECT_THAT(join({{kSecond, "two"}, "127.0.0.1:4", true, "mine"}),
              StartsWith("refused: node at 127.0.0.1:4 cannot be reached: "));
  const LiveNode another(kThird);
  EXPECT_EQ(join({{kSecond, "two"}, another.address(), true, "mine"}),
            "refused: another node answers at " + another.address());
  EXPECT_THAT(told(), IsEmpty());
}

// Two processes have the data of one member.

TEST_F(MembersServiceTest, ACopyOfALiveMemberIsRefusedWhateverItIsCalled) {
  const LiveNode original(kSecond, 7);
  const LiveNode copy(kSecond, 8);
  group_.add(kSecond, "two", original.address());
  for (const char* name : {"two", "four"}) {
    EXPECT_EQ(join({{kSecond, name, 8}, copy.address(), true, "mine"}),
              "refused: node ID two is in use by a live node at " + original.address() +
                  ", and this one has its data, or a copy of it");
  }
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(counters_.joins, 0U);
}

TEST_F(MembersServiceTest, NorDoesTheOriginalTakeItsPlaceBackFromALiveCopy) {
  const LiveNode original(kSecond, 9);
  const LiveNode copy(kSecond, 8);
  group_.add(kSecond, "two", copy.address());
  EXPECT_EQ(join({{kSecond, "two", 9}, original.address(), true, "mine"}),
            "refused: node ID two is in use by a live node at " + copy.address() +
                ", and this one has its data, or a copy of it");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, ACopyAtTheAddressOfTheMemberIsRefusedToo) {
  const LiveNode original(kSecond, 7);
  group_.add(kSecond, "two", original.address());
  EXPECT_EQ(join({{kSecond, "four", 8}, original.address(), true, "mine"}),
            "refused: node ID two is in use by a live node at " + original.address() +
                ", and this one has its data, or a copy of it");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(MembersServiceTest, AMemberThatIsStillFoundAtItsOldAddressMayHaveAnother) {
  const LiveNode second(kSecond, 7);
  const LiveNode by_another_name(kSecond, 7);
  group_.add(kSecond, "two", second.address());
  EXPECT_EQ(join({{kSecond, "two", 7}, by_another_name.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 two " + by_another_name.address()));
}

TEST_F(MembersServiceTest, AMemberThatHasMovedLeavesItsOldAddressToAnybodyElse) {
  const LiveNode second(kSecond, 7);
  const LiveNode stranger(kNew, 8);
  group_.add(kSecond, "two", stranger.address());
  EXPECT_EQ(join({{kSecond, "two", 7}, second.address(), true, "mine"}), "member");
  EXPECT_THAT(told(), ElementsAre("voter 2 two " + second.address()));
}

TEST_F(MembersServiceTest, AMoveThatIsNotAgreedOnIsRefused) {
  const LiveNode second(kSecond);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join({{kSecond, "two"}, second.address(), true, "mine"}), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

// A node that was a member.

TEST_F(MembersServiceTest, WhoWasRemovedHearsItOnceAMajoritySaysSo) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  EXPECT_EQ(join(wish), "removed: this node was removed from the cluster");
  EXPECT_THAT(told(), ElementsAre("confirm", "applied 50"));
}

TEST_F(MembersServiceTest, ALeaderThatIsNoneAnyMoreRemovesNobody) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.confirmed({Code::kNotLeader, "not leader"});
  EXPECT_EQ(join(wish), "not leader: ");
  group_.confirmed({}, {Code::kDeadline, "not applied in time"});
  EXPECT_EQ(join(wish), "not leader: ");
}

TEST_F(MembersServiceTest, NorDoesOneThatNoMajorityAnswers) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.hold();
  std::future<std::string> joined = ask_to_join(wish);
  sleep_over(options_.change_timeout);
  EXPECT_EQ(joined.get(), "not leader: ");
  group_.answer_late();
}

TEST_F(MembersServiceTest, WhoWasAddedBeforeThisLeadersTimeIsNoStranger) {
  JoinRequest wish = request(kNowhere);
  wish.cluster_id = "mine";
  group_.on_applied([this]() REQUIRES(group_.mutex_) { group_.apply_add(kNew, "nine"); });
  EXPECT_EQ(join(wish), "catching up");
}

// Leadership, or the majority, is lost in the midst.

TEST_F(MembersServiceTest, WhatTheLogRefusesTheNodeHears) {
  const LiveNode node(kNew);
  group_.answer({{Code::kNotLeader, "not leader"}});
  EXPECT_EQ(join(request(node.address())), "refused: not leader");
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(request(node.address())), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

TEST_F(MembersServiceTest, AReaderThatIsNotAgreedOnIsNotCounted) {
  const LiveNode node(kNew);
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(request(node.address(), false)), "refused: leadership lost");
  EXPECT_EQ(counters_.joins, 0U);
}

TEST_F(MembersServiceTest, IfTheOldOneCannotBeRemovedTheNewOneIsNotAdded) {
  const LiveNode node(kNew);
  JoinRequest wish = request(node.address());
  wish.identity.node_id = "two";
  group_.answer({{Code::kUnknown, "leadership lost"}});
  EXPECT_EQ(join(wish), "refused: leadership lost");
  EXPECT_THAT(told(), ElementsAre("remove 2"));
  EXPECT_EQ(counters_.removed_before_joins, 0U);
}

}  // namespace
}  // namespace rqlite::cluster
