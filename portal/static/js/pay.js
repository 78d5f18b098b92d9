// Stripe's Payment Element on the payment page. The client secret lives in this module only.

const form = document.getElementById("payment");
const error = document.getElementById("payment-error");
const button = form.querySelector("button");

function say(text) {
  error.querySelector("span").textContent = text || form.dataset.failed;
  error.hidden = false;
  button.disabled = false;
}

async function open() {
  const token = document.querySelector('meta[name="csrf-token"]').content;
  const answer = await fetch(form.action, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
    body: JSON.stringify({ bookingId: form.dataset.booking }),
  });
  const body = await answer.json();
  if (!answer.ok) {
    if (body.error === "PAYMENT_INTENT_ALREADY_PAID") location.assign(form.dataset.return);
    throw new Error(body.message);
  }
  return body.clientSecret;
}

async function start() {
  const stripe = window.Stripe(form.dataset.key, { locale: document.documentElement.lang });
  const clientSecret = await open();
  const elements = stripe.elements({ clientSecret });
  elements.create("payment").mount("#payment-element");
  button.disabled = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    error.hidden = true;
    const result = await stripe.confirmPayment({
      elements,
      confirmParams: { return_url: new URL(form.dataset.return, location.href).href },
      redirect: "if_required",
    });
    if (result.error) say(result.error.message);
    else location.assign(form.dataset.return);
  });
}

start().catch((reason) => say(reason.message));
