// JADE: two agents in one container. It brings no model; the clerk reckons by itself.
// javac -cp jade.jar Meeting.java && java -cp jade.jar:. Meeting
import jade.core.AID;
import jade.core.Agent;
import jade.core.Profile;
import jade.core.ProfileImpl;
import jade.core.Runtime;
import jade.core.behaviours.CyclicBehaviour;
import jade.core.behaviours.OneShotBehaviour;
import jade.lang.acl.ACLMessage;
import jade.lang.acl.MessageTemplate;
import jade.wrapper.ContainerController;

public class Meeting {
    public static class Clerk extends Agent {
        protected void setup() {
            addBehaviour(new CyclicBehaviour(this) {
                public void action() {
                    ACLMessage asked = receive(MessageTemplate.MatchPerformative(ACLMessage.REQUEST));
                    if (asked == null) { block(); return; }
                    ACLMessage reply = asked.createReply();
                    String[] words = asked.getContent().split("\\D+");
                    try {
                        int price = Integer.parseInt(words[0]) * Integer.parseInt(words[1]);
                        reply.setPerformative(ACLMessage.INFORM);
                        reply.setContent(price + " euros");
                    } catch (RuntimeException unreadable) {
                        reply.setPerformative(ACLMessage.NOT_UNDERSTOOD);
                    }
                    send(reply);
                }
            });
        }
    }

    public static class Buyer extends Agent {
        protected void setup() {
            addBehaviour(new OneShotBehaviour(this) {
                public void action() {
                    ACLMessage asked = new ACLMessage(ACLMessage.REQUEST);
                    asked.addReceiver(new AID("clerk", AID.ISLOCALNAME));
                    asked.setProtocol("fipa-request");
                    asked.setConversationId("c1");
                    asked.setContent("23 crates at 17 euros each?");
                    send(asked);
                    ACLMessage answer = blockingReceive(MessageTemplate.MatchConversationId("c1"), 10_000);
                    System.out.println(asked);   // toString() is FIPA's string form
                    System.out.println(answer);
                    System.exit(answer == null ? 1 : 0);
                }
            });
        }
    }

    public static void main(String[] ports) throws Exception {
        Profile profile = new ProfileImpl();
        profile.setParameter(Profile.LOCAL_HOST, "127.0.0.1");
        profile.setParameter(Profile.LOCAL_PORT, ports[0]);
        profile.setParameter("nomtp", "true");   // nobody from outside is to write to them
        ContainerController container = Runtime.instance().createMainContainer(profile);
        container.createNewAgent("clerk", Clerk.class.getName(), null).start();
        container.createNewAgent("buyer", Buyer.class.getName(), null).start();
    }
}
