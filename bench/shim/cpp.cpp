// The peer aws-lambda-cpp: answers with its event.
#include <aws/lambda-runtime/runtime.h>

int main()
{
    aws::lambda_runtime::run_handler([](aws::lambda_runtime::invocation_request const& request) {
        return aws::lambda_runtime::invocation_response::success(request.payload, "application/json");
    });
}
